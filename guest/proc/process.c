/* /proc/self: the one process, as its library OS knows it. */
#include "guest/sched/process.h"
#include "guest/fs/descriptors.h"
#include "guest/fs/pseudo.h"
#include "guest/fs/syscalls/transfer.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/pool.h"
#include "guest/mm/regions.h"
#include "guest/sched/identity.h"
#include "guest/sched/processor_time.h"
#include "guest/sched/thread.h"
#include "limits.h"
#include "maps.h"
#include "proc.h"
#include "stack.h"

#define PAGE_KIB       (GUEST_PAGE_SIZE / 1024)
#define PRIORITY_USUAL 20 /* of a thread whose nice value is 0 */

static uint64_t mapped_pages(void)
{
	uint64_t pages = pool_total_pages() - pool_free_pages();
	for (const struct guest_region *region = regions_next(0); region;
	     region = regions_next(region->end))
		pages += (region->end - region->start) / GUEST_PAGE_SIZE;
	return pages;
}

/* The thread that a file tells of; NULL: it is the process'. */
static const struct thread *told_thread(const struct pseudo_text *out)
{
	return thread_find((int32_t)out->subject);
}

/* What Linux tells of the process' first thread where it is not asked about another. */
static const struct thread *told_or_first_thread(const struct pseudo_text *out)
{
	const struct thread *thread = told_thread(out);
	return thread ? thread : process_current()->first_thread;
}

static uint32_t told_id(const struct pseudo_text *out)
{
	const struct thread *thread = told_thread(out);
	return thread ? (uint32_t)thread->id : process_id();
}

/* The process runs: it asks. */
static bool is_waiting(const struct pseudo_text *out)
{
	const struct thread *thread = told_thread(out);
	return thread && thread->state == THREAD_WAITING;
}

static uint64_t told_time_ns(const struct pseudo_text *out)
{
	const struct thread *thread = told_thread(out);
	return thread ? processor_time_of(thread) : processor_time();
}

/* Field by field as proc(5) counts them; what has no meaning here is 0. */
static void print_stat(struct pseudo_text *out)
{
	uint64_t pages = mapped_pages();
	pseudo_print(out, "%u (%s) %s 1 %u %u 0 -1 0 0 0 0 0 ", told_id(out), process_name(),
		     is_waiting(out) ? "S" : "R", process_id(), process_id());
	const struct thread *thread = told_or_first_thread(out);
	pseudo_print(out, "%lu 0 0 0 %d %d %u 0 %lu ", told_time_ns(out) / CLOCK_TICK_NS,
		     PRIORITY_USUAL + thread->nice, thread->nice, process_current()->thread_count,
		     clock_started_ns() / CLOCK_TICK_NS);
	pseudo_print(out, "%lu %lu %lu ", pages * GUEST_PAGE_SIZE, pages, UINT64_MAX);
	pseudo_print(out, "0 0 %lu 0 0 0 0 0 0 0 0 0 17 0 0 %u 0 0 0 0 0 0 0 0 0 0 0\n",
		     thread->process->start.stack, thread->policy);
}

static void print_statm(struct pseudo_text *out)
{
	uint64_t pages = mapped_pages();
	pseudo_print(out, "%lu %lu 0 0 0 %lu 0\n", pages, pages, pages);
}

static void print_thread(struct pseudo_text *out)
{
	const struct thread *thread = told_or_first_thread(out);
	pseudo_print(out, "SigPnd:\t%016lx\nSigBlk:\t%016lx\n", thread->signals.pending,
		     thread->blocked);
	pseudo_print(out, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		     thread->waits, thread->interruptions);
}

static void print_status(struct pseudo_text *out)
{
	uint64_t kib = mapped_pages() * PAGE_KIB;
	unsigned user = identity_user(), group = identity_group();
	pseudo_print(out, "Name:\t%s\nState:\t%s\n", process_name(),
		     is_waiting(out) ? "S (sleeping)" : "R (running)");
	pseudo_print(out, "Tgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t1\nTracerPid:\t0\n", process_id(),
		     told_id(out));
	pseudo_print(out, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", user, user, user, user,
		     group, group, group, group);
	pseudo_print(out, "FDSize:\t%u\nGroups:\t\n", DESCRIPTOR_COUNT);
	pseudo_print(out, "VmPeak:\t%lu kB\nVmSize:\t%lu kB\nVmLck:\t0 kB\nVmHWM:\t%lu kB\n", kib,
		     kib, kib);
	pseudo_print(out, "VmRSS:\t%lu kB\nVmStk:\t%lu kB\nVmSwap:\t0 kB\n", kib,
		     libos_start_info.stack_size / 1024);
	pseudo_print(out, "Threads:\t%u\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n",
		     process_current()->thread_count);
	pseudo_print(out, "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
	print_thread(out);
}

static void print_name(struct pseudo_text *out)
{
	pseudo_print(out, "%s\n", process_name());
}

static void print_mounts(struct pseudo_text *out)
{
	pseudo_print(out, "tmpfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
}

static void print_mountinfo(struct pseudo_text *out)
{
	pseudo_print(out, "1 1 0:1 / / rw - tmpfs tmpfs rw\n2 1 0:2 / /proc rw - proc proc rw\n");
}

/* All files are memory: nothing is read from a disk or written to one. */
static void print_io(struct pseudo_text *out)
{
	const struct transfer_counts *counts = process_current()->transfers;
	pseudo_print(out, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n", counts->read,
		     counts->written, counts->reads, counts->writes);
	pseudo_print(out, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
}

static void print_zero(struct pseudo_text *out)
{
	pseudo_print(out, "0\n");
}

/* The thread that asks is running, and so waits nowhere in the kernel. */
static void print_nowhere(struct pseudo_text *out)
{
	pseudo_print(out, "0");
}

static void print_personality(struct pseudo_text *out)
{
	pseudo_print(out, "00000000\n");
}

/* Nobody has logged in. */
static void print_no_id(struct pseudo_text *out)
{
	pseudo_print(out, "%u\n", UINT32_MAX);
}

/* In no control group: the limits are the machine's. */
static void print_control_groups(struct pseudo_text *out)
{
	pseudo_print(out, "0::/\n");
}

const struct proc_file proc_process_files[] = {
    {"stat", print_stat},
    {"statm", print_statm},
    {"status", print_status},
    {"cmdline", proc_cmdline},
    {"environ", proc_environment},
    {"auxv", proc_auxiliary_vector},
    {"maps", proc_maps},
    {"comm", print_name},
    {"mounts", print_mounts},
    {"mountinfo", print_mountinfo},
    {"cgroup", print_control_groups},
    {"limits", proc_limits},
    {"io", print_io},
    {"smaps", proc_smaps},
    {"smaps_rollup", proc_smaps_rollup},
    {"oom_score", print_zero},
    {"oom_score_adj", print_zero},
    {"wchan", print_nowhere},
    {"personality", print_personality},
    {"loginuid", print_no_id},
    {"sessionid", print_no_id},
    {NULL, NULL},
};
