/* What a group has used; see cgroup.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine/cgroup_files.h"
#include "oci/cgroup/cgroup.h"
#include "oci/cgroup/hierarchies.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define NANOSECONDS_PER_MICROSECOND 1000U

#define TEXT_MAX                                                                                   \
	16384 /* of a file: memory.stat has some 2 KiB, io.stat 100 bytes for each device */

/* The directory of a controller, and the text of the file that was read last. */
struct source {
	int directory;
	bool unified;
	char text[TEXT_MAX];
};

static bool open_source(const struct oci_cgroup *group, enum oci_controller controller,
			struct source *source)
{
	const struct oci_cgroup_hierarchy *hierarchy = oci_hierarchy_of(group, controller);
	source->directory = hierarchy ? oci_hierarchy_open(hierarchy, group->path) : -ENOENT;
	source->unified = hierarchy && hierarchy->unified;
	return source->directory >= 0;
}

/* Numbers at and above this mean that there is no limit: version 1 rounds 2^63 - 1 to pages. */
#define UNLIMITED 0x7fffffffffff0000ULL

/* A file that is one number. */
static uint64_t read_number(struct source *source, const char *file, uint64_t otherwise)
{
	if (cgroup_file_read(source->directory, file, source->text, sizeof(source->text)) ||
	    !*source->text)
		return otherwise;
	if (!strcmp(source->text, "max\n"))
		return UINT64_MAX;
	const uint64_t number = strtoull(source->text, NULL, 10);
	return number >= UNLIMITED ? UINT64_MAX : number;
}

static void read_text(struct source *source, const char *file)
{
	cgroup_file_read(source->directory, file, source->text, sizeof(source->text));
}

static uint64_t find(const struct source *source, const char *name)
{
	return cgroup_file_number(source->text, name);
}

/* ── version 1 ───────────────────────────────────────────────────────────────────────────────── */

static void read_cpu1(struct source *source, struct oci_cgroup_statistics *out)
{
	read_text(source, "cpu.stat");
	out->cpu_periods = find(source, "nr_periods");
	out->cpu_throttled_periods = find(source, "nr_throttled");
	out->cpu_throttled_ns = find(source, "throttled_time");
}

static void read_cpuacct1(struct source *source, struct oci_cgroup_statistics *out)
{
	const uint64_t tick_ns = NANOSECONDS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK);
	out->cpu_ns = read_number(source, "cpuacct.usage", 0);
	read_text(source, "cpuacct.stat");
	out->cpu_user_ns = find(source, "user") * tick_ns;
	out->cpu_system_ns = find(source, "system") * tick_ns;
}

static void read_memory1(struct source *source, struct oci_cgroup_statistics *out)
{
	out->memory = read_number(source, "memory.usage_in_bytes", 0);
	out->memory_peak = read_number(source, "memory.max_usage_in_bytes", 0);
	out->memory_limit = read_number(source, "memory.limit_in_bytes", UINT64_MAX);
	out->memory_failures = read_number(source, "memory.failcnt", 0);
	out->memory_kernel = read_number(source, "memory.kmem.usage_in_bytes", 0);
	const uint64_t both = read_number(source, "memory.memsw.usage_in_bytes", 0);
	const uint64_t limit = read_number(source, "memory.memsw.limit_in_bytes", UINT64_MAX);
	out->swap = both > out->memory ? both - out->memory : 0;
	out->swap_limit = limit != UINT64_MAX && limit >= out->memory_limit
			      ? limit - out->memory_limit
			      : UINT64_MAX;
	read_text(source, "memory.stat");
	out->memory_anonymous = find(source, "total_rss");
	out->memory_file = find(source, "total_cache");
	read_text(source, "memory.oom_control");
	out->oom_kills = find(source, "oom_kill");
}

static struct oci_cgroup_io *find_device(struct oci_cgroup_statistics *out, uint32_t major,
					 uint32_t minor)
{
	for (size_t i = 0; i < out->io_count; i++)
		if (out->io[i].major == major && out->io[i].minor == minor)
			return &out->io[i];
	if (out->io_count == OCI_CGROUP_DEVICES_MAX)
		return NULL;
	out->io[out->io_count] = (struct oci_cgroup_io){.major = major, .minor = minor};
	return &out->io[out->io_count++];
}

/* Lines "8:0 Read 4096". */
static void read_io1(struct source *source, struct oci_cgroup_statistics *out)
{
	static const char *const files[] = {"blkio.throttle.io_service_bytes_recursive",
					    "blkio.throttle.io_serviced_recursive"};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		read_text(source, files[i]);
		char *rest = source->text;
		for (char *line; (line = strsep(&rest, "\n"));) {
			uint32_t major, minor;
			char what[16];
			uint64_t number;
			if (sscanf(line, "%" SCNu32 ":%" SCNu32 " %15s %" SCNu64, &major, &minor,
				   what, &number) != 4)
				continue;
			const bool writes = !strcmp(what, "Write");
			struct oci_cgroup_io *device =
			    writes || !strcmp(what, "Read") ? find_device(out, major, minor) : NULL;
			if (!device)
				continue;
			if (i)
				*(writes ? &device->writes : &device->reads) = number;
			else
				*(writes ? &device->written_bytes : &device->read_bytes) = number;
		}
	}
}

/* ── version 2 ───────────────────────────────────────────────────────────────────────────────── */

static void read_cpu2(struct source *source, struct oci_cgroup_statistics *out)
{
	read_text(source, "cpu.stat");
	out->cpu_ns = find(source, "usage_usec") * NANOSECONDS_PER_MICROSECOND;
	out->cpu_user_ns = find(source, "user_usec") * NANOSECONDS_PER_MICROSECOND;
	out->cpu_system_ns = find(source, "system_usec") * NANOSECONDS_PER_MICROSECOND;
	out->cpu_periods = find(source, "nr_periods");
	out->cpu_throttled_periods = find(source, "nr_throttled");
	out->cpu_throttled_ns = find(source, "throttled_usec") * NANOSECONDS_PER_MICROSECOND;
}

static void read_memory2(struct source *source, struct oci_cgroup_statistics *out)
{
	out->memory = read_number(source, "memory.current", 0);
	out->memory_peak = read_number(source, "memory.peak", 0);
	out->memory_limit = read_number(source, "memory.max", UINT64_MAX);
	out->swap = read_number(source, "memory.swap.current", 0);
	out->swap_limit = read_number(source, "memory.swap.max", UINT64_MAX);
	read_text(source, "memory.stat");
	out->memory_anonymous = find(source, "anon");
	out->memory_file = find(source, "file");
	/* From Linux 5.18 on; before, its largest parts. */
	out->memory_kernel = find(source, "kernel");
	if (!out->memory_kernel)
		out->memory_kernel = find(source, "kernel_stack") + find(source, "slab");
	read_text(source, "memory.events");
	out->memory_failures = find(source, "max");
	out->oom_kills = find(source, "oom_kill");
}

/* Lines "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …". */
static void read_io2(struct source *source, struct oci_cgroup_statistics *out)
{
	read_text(source, "io.stat");
	char *rest = source->text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		uint32_t major, minor;
		if (sscanf(line, "%" SCNu32 ":%" SCNu32 " ", &major, &minor) != 2)
			continue;
		struct oci_cgroup_io *device = find_device(out, major, minor);
		for (char *field; device && (field = strsep(&line, " "));) {
			sscanf(field, "rbytes=%" SCNu64, &device->read_bytes);
			sscanf(field, "wbytes=%" SCNu64, &device->written_bytes);
			sscanf(field, "rios=%" SCNu64, &device->reads);
			sscanf(field, "wios=%" SCNu64, &device->writes);
		}
	}
}

/* ── both ────────────────────────────────────────────────────────────────────────────────────── */

static void read_processes(struct source *source, struct oci_cgroup_statistics *out)
{
	out->processes = read_number(source, "pids.current", 0);
	out->processes_limit = read_number(source, "pids.max", UINT64_MAX);
}

int oci_cgroup_statistics(const struct oci_cgroup *group, struct oci_cgroup_statistics *statistics,
			  struct error *error)
{
	static const struct {
		enum oci_controller controller;
		void (*read1)(struct source *source, struct oci_cgroup_statistics *out);
		void (*read2)(struct source *source, struct oci_cgroup_statistics *out);
	} parts[] = {
	    {OCI_CONTROLLER_CPU, read_cpu1, read_cpu2},
	    {OCI_CONTROLLER_CPUACCT, read_cpuacct1, NULL},
	    {OCI_CONTROLLER_MEMORY, read_memory1, read_memory2},
	    {OCI_CONTROLLER_PIDS, read_processes, read_processes},
	    {OCI_CONTROLLER_IO, read_io1, read_io2},
	};
	struct source source;
	bool found = false;
	*statistics = (struct oci_cgroup_statistics){
	    .memory_limit = UINT64_MAX, .swap_limit = UINT64_MAX, .processes_limit = UINT64_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!open_source(group, parts[i].controller, &source))
			continue;
		found = true;
		if (!source.unified)
			parts[i].read1(&source, statistics);
		else if (parts[i].read2)
			parts[i].read2(&source, statistics);
		close(source.directory);
	}
	return found ? 0 : error_set(error, ENOENT, "control group '%s' is gone", group->path);
}
