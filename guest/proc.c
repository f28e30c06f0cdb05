/* /proc as far as it tells of the machine: one processor, the memory of the pool, the time. */
#include "proc.h"

#include <sys/utsname.h>

#include "libos.h"
#include "pool.h"

#define PAGE_KIB	 (GUEST_PAGE_SIZE / 1024)
#define TICKS_PER_SECOND 100
#define HUNDREDTH_NS	 (NANOSECONDS / 100)
#define PROCESS_ID_MAX	 32768
#define MEMORY_MAPS_MAX	 65530

static void print_meminfo(struct generated_text *out)
{
	uint64_t total = pool_total_pages() * PAGE_KIB, free = pool_free_pages() * PAGE_KIB;
	const struct {
		const char *name;
		uint64_t kib;
	} lines[] = {
	    {"MemTotal", total},
	    {"MemFree", free},
	    {"MemAvailable", free},
	    {"Buffers", 0},
	    {"Cached", 0},
	    {"SwapCached", 0},
	    {"Active", total - free},
	    {"Inactive", 0},
	    {"SwapTotal", 0},
	    {"SwapFree", 0},
	    {"Dirty", 0},
	    {"Writeback", 0},
	    {"AnonPages", total - free},
	    {"Mapped", 0},
	    {"Shmem", 0},
	    {"Slab", 0},
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		generated_print(out, "%s: %lu kB\n", lines[i].name, lines[i].kib);
}

/* Time that the program used is the processor's time in user mode, the rest of it idle. */
static void print_stat(struct generated_text *out)
{
	const uint64_t tick = NANOSECONDS / TICKS_PER_SECOND;
	uint64_t up = time_now_ns(false), used = time_process_ns() / tick;
	uint64_t idle = up / tick - used;
	generated_print(out, "cpu  %lu 0 0 %lu 0 0 0 0 0 0\n", used, idle);
	generated_print(out, "cpu0 %lu 0 0 %lu 0 0 0 0 0 0\n", used, idle);
	generated_print(out, "intr 0\nctxt 0\nbtime %lu\n", (time_now_ns(true) - up) / NANOSECONDS);
	generated_print(out, "processes 1\nprocs_running 1\nprocs_blocked 0\n");
}

static void print_uptime(struct generated_text *out)
{
	uint64_t up = time_now_ns(false) / HUNDREDTH_NS;
	uint64_t idle = up - time_process_ns() / HUNDREDTH_NS;
	generated_print(out, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
}

static void print_loadavg(struct generated_text *out)
{
	generated_print(out, "0.00 0.00 0.00 1/1 %u\n", PROCESS_ID);
}

static void print_version(struct generated_text *out)
{
	const struct utsname *names = identity_names();
	generated_print(out, "%s version %s %s\n", names->sysname, names->release, names->version);
}

static void print_filesystems(struct generated_text *out)
{
	generated_print(out, "nodev\ttmpfs\nnodev\tproc\n");
}

static void print_osrelease(struct generated_text *out)
{
	generated_print(out, "%s\n", identity_names()->release);
}

static void print_ostype(struct generated_text *out)
{
	generated_print(out, "%s\n", identity_names()->sysname);
}

static void print_kernel_version(struct generated_text *out)
{
	generated_print(out, "%s\n", identity_names()->version);
}

static void print_hostname(struct generated_text *out)
{
	generated_print(out, "%s\n", identity_names()->nodename);
}

static void print_process_id_max(struct generated_text *out)
{
	generated_print(out, "%u\n", PROCESS_ID_MAX);
}

static void print_maps_max(struct generated_text *out)
{
	generated_print(out, "%u\n", MEMORY_MAPS_MAX);
}

/* Memory is there when it is mapped: nothing is promised that is not kept. */
static void print_overcommit(struct generated_text *out)
{
	generated_print(out, "2\n");
}

const struct proc_file proc_machine_files[] = {
    {"cpuinfo", proc_cpuinfo},
    {"meminfo", print_meminfo},
    {"stat", print_stat},
    {"uptime", print_uptime},
    {"loadavg", print_loadavg},
    {"version", print_version},
    {"filesystems", print_filesystems},
    {NULL, NULL},
};

const struct proc_file proc_kernel_files[] = {
    {"osrelease", print_osrelease},    {"ostype", print_ostype},
    {"version", print_kernel_version}, {"hostname", print_hostname},
    {"pid_max", print_process_id_max}, {NULL, NULL},
};

const struct proc_file proc_memory_files[] = {
    {"overcommit_memory", print_overcommit},
    {"max_map_count", print_maps_max},
    {NULL, NULL},
};
