/* /proc as far as it tells of the machine: one processor, the memory of the pool, the time. */
#include "proc.h"

#include <linux/limits.h>
#include <sys/utsname.h>

#include "arch/cpuinfo.h"
#include "guest/fs/descriptors.h"
#include "guest/fs/pseudo.h"
#include "guest/machine/clock.h"
#include "guest/mm/pool.h"
#include "guest/sched/identity.h"
#include "guest/sched/process.h"
#include "guest/sched/processor_time.h"
#include "guest/sched/thread.h"
#include "sizes/sizes.h"

#define PAGE_KIB	(GUEST_PAGE_SIZE / 1024)
#define HUNDREDTH_NS	(NANOSECONDS / 100)
#define MEMORY_MAPS_MAX 65530
#define LOWEST_ADDRESS	0x10000 /* of what may be mapped: guest-abi.md, Address space */

static void print_meminfo(struct pseudo_text *out)
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
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		pseudo_print(out, "%s: %lu kB\n", lines[i].name, lines[i].kib);
}

/* Time that the program used is the processor's time in user mode, the rest of it idle. */
static void print_stat(struct pseudo_text *out)
{
	uint64_t up = clock_read_ns(false), used = processor_time_of_all() / CLOCK_TICK_NS;
	uint64_t idle = up / CLOCK_TICK_NS > used ? up / CLOCK_TICK_NS - used : 0;
	pseudo_print(out, "cpu  %lu 0 0 %lu 0 0 0 0 0 0\n", used, idle);
	pseudo_print(out, "cpu0 %lu 0 0 %lu 0 0 0 0 0 0\n", used, idle);
	const struct thread_turns turns = thread_turns();
	pseudo_print(out, "intr 0\nctxt %lu\n", turns.waits + turns.interruptions);
	pseudo_print(out, "btime %lu\n", (clock_read_ns(true) - up) / NANOSECONDS);
	pseudo_print(out, "processes %u\nprocs_running %u\nprocs_blocked 0\n", process_made(),
		     thread_count_runnable());
}

static void print_uptime(struct pseudo_text *out)
{
	uint64_t up = clock_read_ns(false) / HUNDREDTH_NS;
	uint64_t used = processor_time_of_all() / HUNDREDTH_NS;
	uint64_t idle = up > used ? up - used : 0;
	pseudo_print(out, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
}

static void print_loadavg(struct pseudo_text *out)
{
	pseudo_print(out, "0.00 0.00 0.00 %u/%u %u\n", thread_count_runnable(), thread_count(),
		     process_newest_id());
}

static void print_version(struct pseudo_text *out)
{
	const struct utsname *names = identity_names();
	pseudo_print(out, "%s version %s %s\n", names->sysname, names->release, names->version);
}

static void print_filesystems(struct pseudo_text *out)
{
	pseudo_print(out, "nodev\ttmpfs\nnodev\tproc\n");
}

static void print_osrelease(struct pseudo_text *out)
{
	pseudo_print(out, "%s\n", identity_names()->release);
}

static void print_ostype(struct pseudo_text *out)
{
	pseudo_print(out, "%s\n", identity_names()->sysname);
}

static void print_kernel_version(struct pseudo_text *out)
{
	pseudo_print(out, "%s\n", identity_names()->version);
}

static void print_hostname(struct pseudo_text *out)
{
	pseudo_print(out, "%s\n", identity_names()->nodename);
}

static void print_process_id_max(struct pseudo_text *out)
{
	pseudo_print(out, "%u\n", PROCESS_ID_MAX);
}

static void print_maps_max(struct pseudo_text *out)
{
	pseudo_print(out, "%u\n", MEMORY_MAPS_MAX);
}

/* Memory is there when it is mapped: nothing is overcommitted. */
static void print_overcommit(struct pseudo_text *out)
{
	pseudo_print(out, "2\n");
}

static void print_vmstat(struct pseudo_text *out)
{
	uint64_t total = pool_total_pages(), free = pool_free_pages();
	pseudo_print(out, "nr_free_pages %lu\nnr_active_anon %lu\nnr_anon_pages %lu\n", free,
		     total - free, total - free);
	/* There is no disk, so nothing was read from one or written to one. */
	pseudo_print(out, "nr_inactive_file 0\nnr_active_file 0\nnr_file_pages 0\nnr_dirty 0\n"
			  "nr_writeback 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n"
			  "pgmajfault 0\noom_kill 0\n");
}

static void print_devices(struct pseudo_text *out)
{
	pseudo_print(out, "Character devices:\n  1 mem\n\nBlock devices:\n");
}

static void print_swaps(struct pseudo_text *out)
{
	pseudo_print(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

static void print_partitions(struct pseudo_text *out)
{
	pseudo_print(out, "major minor  #blocks  name\n\n");
}

static void print_nothing(struct pseudo_text *out)
{
}

/* Of the network there are the tables, with nothing in them. */
static void print_interfaces(struct pseudo_text *out)
{
	pseudo_print(
	    out, "Inter-|   Receive                                                |  Transmit\n"
		 " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		 "packets errs drop fifo colls carrier compressed\n");
}

static void print_sockets(struct pseudo_text *out)
{
	pseudo_print(out, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
			  "retrnsmt   uid  timeout inode\n");
}

static void print_unix_sockets(struct pseudo_text *out)
{
	pseudo_print(out, "Num       RefCount Protocol Flags    Type St Inode Path\n");
}

static void print_routes(struct pseudo_text *out)
{
	pseudo_print(out, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask"
			  "\t\tMTU\tWindow\tIRTT\n");
}

static void print_files_max(struct pseudo_text *out)
{
	pseudo_print(out, "%u\n", DESCRIPTOR_COUNT);
}

static void print_groups_max(struct pseudo_text *out)
{
	pseudo_print(out, "%u\n", NGROUPS_MAX);
}

static void print_lowest_address(struct pseudo_text *out)
{
	pseudo_print(out, "%u\n", LOWEST_ADDRESS);
}

const struct proc_file proc_machine_files[] = {
    {"cpuinfo", cpuinfo_print},
    {"meminfo", print_meminfo},
    {"stat", print_stat},
    {"uptime", print_uptime},
    {"loadavg", print_loadavg},
    {"version", print_version},
    {"filesystems", print_filesystems},
    {"vmstat", print_vmstat},
    {"devices", print_devices},
    {"swaps", print_swaps},
    {"partitions", print_partitions},
    {"diskstats", print_nothing},
    {NULL, NULL},
};

const struct proc_file proc_kernel_files[] = {
    {"osrelease", print_osrelease},
    {"ostype", print_ostype},
    {"version", print_kernel_version},
    {"hostname", print_hostname},
    {"pid_max", print_process_id_max},
    {"ngroups_max", print_groups_max},
    {NULL, NULL},
};

const struct proc_file proc_files_files[] = {
    {"file-max", print_files_max},
    {"nr_open", print_files_max},
    {NULL, NULL},
};

const struct proc_file proc_network_files[] = {
    {"dev", print_interfaces}, {"tcp", print_sockets},
    {"tcp6", print_sockets},   {"udp", print_sockets},
    {"udp6", print_sockets},   {"unix", print_unix_sockets},
    {"route", print_routes},   {NULL, NULL},
};

const struct proc_file proc_memory_files[] = {
    {"overcommit_memory", print_overcommit},
    {"max_map_count", print_maps_max},
    {"mmap_min_addr", print_lowest_address},
    {NULL, NULL},
};
