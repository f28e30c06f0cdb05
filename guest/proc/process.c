/* The files of a process, as its library OS knows it. */
#include "guest/sched/process.h"

#include <signal.h>

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

/* What Linux tells of the process' first thread where it is not asked about another. NULL: the process
 * has ended. */
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

/* Where a process is asked for, one of its threads that runs is enough. */
static bool is_waiting(const struct pseudo_text *out)
{
	const struct thread *told = told_thread(out), *thread = NULL;
	if (told)
		return told->state == THREAD_WAITING;
	while ((thread = thread_next_of(process_current(), thread)))
		if (thread->state == THREAD_RUNNABLE)
			return false;
	return true;
}

static const char *told_state(const struct pseudo_text *out)
{
	if (process_current()->phase >= PROCESS_ENDED)
		return "Z (zombie)";
	if (process_current()->stopped_by)
		return "T (stopped)";
	return is_waiting(out) ? "S (sleeping)" : "R (running)";
}

static uint64_t told_time_ns(const struct pseudo_text *out)
{
	const struct thread *thread = told_thread(out);
	return thread ? processor_time_of(thread) : processor_time();
}

static uint32_t parent_id(void)
{
	const struct process *parent = process_current()->parent;
	return parent ? process_id_of(parent) : PROCESS_INIT_ID;
}

static uint64_t begun_ns(void)
{
	const uint64_t begun_ns = process_current()->started_ns;
	return begun_ns ? begun_ns : clock_started_ns();
}

/* Field by field as proc(5) counts them; what has no meaning here is 0. */
static void print_stat(struct pseudo_text *out)
{
	const struct process *process = process_current();
	const struct thread *thread = told_or_first_thread(out);
	const char letter[] = {*told_state(out), 0};
	const int nice = thread ? thread->nice : 0;
	uint64_t pages = process->memory ? mapped_pages() : 0;
	pseudo_print(out, "%u (%s) %s %u %u %u 0 -1 0 0 0 0 0 ", told_id(out), process_name(),
		     letter, parent_id(), process_group_id(process->group),
		     process_group_id(process->session));
	pseudo_print(out, "%lu 0 %lu 0 %d %d %u 0 %lu ", told_time_ns(out) / CLOCK_TICK_NS,
		     process->children_ns / CLOCK_TICK_NS, PRIORITY_USUAL + nice, nice,
		     process->thread_count, begun_ns() / CLOCK_TICK_NS);
	pseudo_print(out, "%lu %lu %lu ", pages * GUEST_PAGE_SIZE, pages, UINT64_MAX);
	pseudo_print(out, "0 0 %lu 0 0 0 0 0 0 0 0 0 %d 0 0 %u 0 0 0 0 0 0 0 0 0 0 %d\n",
		     process->start.stack, process->exit_signal ? process->exit_signal : SIGCHLD,
		     thread ? thread->policy : 0,
		     process->phase >= PROCESS_ENDED ? process->wait_status : 0);
}

static void print_statm(struct pseudo_text *out)
{
	uint64_t pages = mapped_pages();
	pseudo_print(out, "%lu %lu 0 0 0 %lu 0\n", pages, pages, pages);
}

static void print_thread(struct pseudo_text *out)
{
	const struct thread *thread = told_or_first_thread(out);
	if (!thread)
		return;
	pseudo_print(out, "SigPnd:\t%016lx\nSigBlk:\t%016lx\n", thread->signals.pending,
		     thread->blocked);
	pseudo_print(out, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		     thread->waits, thread->interruptions);
}

static void print_memory(struct pseudo_text *out)
{
	uint64_t kib = mapped_pages() * PAGE_KIB;
	pseudo_print(out, "VmPeak:\t%lu kB\nVmSize:\t%lu kB\nVmLck:\t0 kB\nVmHWM:\t%lu kB\n", kib,
		     kib, kib);
	pseudo_print(out, "VmRSS:\t%lu kB\nVmStk:\t%lu kB\nVmSwap:\t0 kB\n", kib,
		     libos_start_info.stack_size / 1024);
}

static void print_groups(struct pseudo_text *out)
{
	const struct group_list *list = process_current()->more_groups;
	for (uint32_t i = 0; list && i < list->count; i++)
		pseudo_print(out, "%u ", list->ids[i]);
	pseudo_print(out, "%s\n", list ? "" : " ");
}

static void print_status(struct pseudo_text *out)
{
	const struct process *process = process_current();
	const struct process_ids *users = &process->users, *groups = &process->groups;
	pseudo_print(out, "Name:\t%s\nState:\t%s\n", process_name(), told_state(out));
	pseudo_print(out, "Tgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n", process_id(),
		     told_id(out), parent_id());
	pseudo_print(out, "Uid:\t%u\t%u\t%u\t%u\n", users->real, users->effective, users->saved,
		     users->files);
	pseudo_print(out, "Gid:\t%u\t%u\t%u\t%u\n", groups->real, groups->effective, groups->saved,
		     groups->files);
	pseudo_print(out, "FDSize:\t%u\nGroups:\t", DESCRIPTOR_COUNT);
	print_groups(out);
	if (process->memory)
		print_memory(out);
	pseudo_print(out, "Threads:\t%u\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n",
		     process->phase < PROCESS_ENDED ? process->thread_count : 1);
	pseudo_print(out, "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
	print_thread(out);
}

/* As on Linux, those of a process whose thread made them; here that is not known. */
static void print_children(struct pseudo_text *out)
{
	const struct process *self = process_current();
	if (told_thread(out) != self->first_thread)
		return;
	for (const struct process *one = process_first.next; one; one = one->next)
		if (one->parent == self && one->phase != PROCESS_GONE)
			pseudo_print(out, "%u ", one->id);
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
    {"stat", print_stat, .of_ended = true},
    {"statm", print_statm},
    {"status", print_status, .of_ended = true},
    {"children", print_children, .of_threads_only = true},
    {"cmdline", proc_cmdline},
    {"environ", proc_environment},
    {"auxv", proc_auxiliary_vector},
    {"maps", proc_maps},
    {"comm", print_name, .of_ended = true},
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
