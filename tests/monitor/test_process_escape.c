/* Guests that work against process isolation, and the ends that its processes can come to. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine_rig.h"
#include "monitor/memory/page_area.h"
#include "monitor/process/guest.h"
#include "monitor/x86_64/exceptions.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define MILLISECOND 1000000ULL

/* Calls that are on no list end the process, and are named. */
static void test_forbidden(void)
{
	const char *const guests[] = {guest_forbidden_call,    guest_forbidden_protection,
				      guest_forbidden_address, guest_forbidden_descriptor,
				      guest_forbidden_growth,  guest_forbidden_target,
				      guest_forbidden_move,    guest_forbidden_reach,
				      guest_forbidden_mapping, guest_forbidden_unmapping};
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		struct rig rig;
		if (rig_open(&rig, &isolation_process, guests[i]) && rig_create(&rig, true)) {
			struct stop stop = rig_run(&rig, MACHINE_START, 0);
			CHECK(stop.why == MACHINE_FAULT);
			CHECK_NUMBER(stop.fault.vector, EXCEPTION_FORBIDDEN);
			rig_reset(&rig);
			CHECK(rig_run(&rig, MACHINE_START, 0).why == MACHINE_FAULT);
		}
		rig_close(&rig);
	}
}

/* A guest that rings without end and takes no answers is stopped when its pipe is full. */
static void test_flood(void)
{
	struct rig rig;
	if (rig_open(&rig, &isolation_process, guest_flood) && rig_create(&rig, true)) {
		struct stop stop = rig_run(&rig, MACHINE_START, 0);
		int runs = 0;
		while (stop.why == MACHINE_HYPERCALL && ++runs < 10000)
			stop = rig_run(&rig, MACHINE_CONTINUE, 0);
		CHECK(stop.why == MACHINE_FAULT);
		CHECK_NUMBER(stop.fault.vector, EXCEPTION_ASTRAY);
		rig_reset(&rig);
		CHECK(rig_run(&rig, MACHINE_START, 0).why == MACHINE_HYPERCALL);
	}
	rig_close(&rig);
}

#define FRAMES	  (GUEST_POOL_BASE + GUEST_PAGE_SIZE)
#define PLACE	  0xc000000000UL
#define FRAME_MAX 8UL

/* A guest that takes the pages away which another address space has finds its end with the switch
 * there, and so does one whose pages the monitor cannot move any more for another reason. */
static void test_broken_switch(void)
{
	struct rig rig;
	if (!rig_open(&rig, &isolation_process, guest_unmap) || !rig_create(&rig, true)) {
		rig_close(&rig);
		return;
	}
	/* One command, and more of them than are sent without waiting. */
	for (size_t places = 1; places < 2UL * PROCESS_BATCH_MAX; places *= 150) {
		struct page_run runs[2 * PROCESS_BATCH_MAX];
		runs[0] = (struct page_run){PLACE, GUEST_PAGE_SIZE, FRAMES,
					    GUEST_READ | GUEST_WRITE, false};
		for (size_t i = 1; i < places; i++)
			runs[i] = (struct page_run){
			    PLACE + i * 2 * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE,
			    FRAMES + i % FRAME_MAX * GUEST_PAGE_SIZE + GUEST_PAGE_SIZE, GUEST_READ,
			    true};
		CHECK(rig_run(&rig, MACHINE_START, 0).why == MACHINE_HYPERCALL);
		CHECK_NUMBER(isolation_process.make_space(rig.machine, 1, runs, 0, places), 0);
		CHECK_NUMBER(rig_run(&rig, MACHINE_CONTINUE, FRAMES).argument, 1);
		CHECK_NUMBER(isolation_process.switch_space(rig.machine, 1), 0);
		struct stop stop = rig_run(&rig, MACHINE_CONTINUE, 0);
		CHECK(stop.why == MACHINE_FAULT);
		CHECK_NUMBER(stop.fault.vector, EXCEPTION_ASTRAY);
		rig_reset(&rig);
	}
	rig_close(&rig);
}

/* The only child of process `parent`, or 0. */
static pid_t child_of(pid_t parent)
{
	cleanup_closedir DIR *directory = opendir("/proc");
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		char path[64];
		int pid = atoi(entry->d_name), found = 0;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		cleanup_fclose FILE *file = pid > 0 ? fopen(path, "re") : NULL;
		if (file && fscanf(file, "%*d (%*[^)]) %*c %d", &found) == 1 && found == parent)
			return pid;
	}
	return 0;
}

static void test_killed_from_outside(void)
{
	const struct {
		int signal;
		enum machine_stop why;
	} ends[] = {{SIGKILL, MACHINE_LOST}, {SIGTERM, MACHINE_LOST}};
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct rig rig;
		if (rig_open(&rig, &isolation_process, guest_spin) && rig_create(&rig, true)) {
			CHECK(rig_run(&rig, MACHINE_START, 0).why == MACHINE_HYPERCALL);
			pid_t guest = child_of(getpid());
			if (CHECK(guest > 0))
				CHECK(!kill(guest, ends[i].signal));
			CHECK(rig_run(&rig, MACHINE_CONTINUE, 0).why == ends[i].why);
			/* And a reset gives the slot a process again. */
			rig_reset(&rig);
			CHECK(rig_run(&rig, MACHINE_START, 0).why == MACHINE_HYPERCALL);
		}
		rig_close(&rig);
		CHECK_NUMBER(child_of(getpid()), 0);
	}
}

/* The body of a monitor that dies: a guest that spins for a minute. */
static void spin_in_monitor(int ready)
{
	struct rig rig;
	if (!rig_open(&rig, &isolation_process, guest_spin) || !rig_create(&rig, true) ||
	    rig_run(&rig, MACHINE_START, 0).why != MACHINE_HYPERCALL)
		_exit(1);
	pid_t guest = child_of(getpid());
	if (write(ready, &guest, sizeof(guest)) != sizeof(guest))
		_exit(1);
	rig_run_for(&rig, MACHINE_CONTINUE, 0, 60 * NANOSECONDS_PER_SECOND);
	_exit(0);
}

/* A guest ends with its monitor, even one that spins and so reads no command. */
static void test_monitor_dies(void)
{
	int ready[2];
	CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	CHECK(!pipe(ready));
	pid_t monitor = fork();
	if (!monitor)
		spin_in_monitor(ready[1]);
	close(ready[1]);
	pid_t guest = 0;
	if (CHECK(read(ready[0], &guest, sizeof(guest)) == sizeof(guest)) && CHECK(guest > 0)) {
		usleep(20000);
		CHECK_NUMBER(kill(guest, 0), 0);
	}
	close(ready[0]);
	int status = 0;
	kill(monitor, SIGKILL);
	CHECK(waitpid(monitor, &status, 0) == monitor);
	for (int tries = 0; guest > 0 && tries < 6000; tries++) {
		if (waitpid(guest, &status, WNOHANG) == guest)
			break;
		usleep(10000);
	}
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(guest > 0 && kill(guest, 0) < 0 && errno == ESRCH);
}

/* A process that cannot become a guest says why: here a region lies where the helper is. */
static void test_setup_fails(void)
{
	struct rig rig;
	struct error error = {0};
	if (rig_open(&rig, &isolation_process, guest_echo)) {
		rig.image.regions[2].address = GUEST_HYPERCALL + 4096;
		CHECK_NUMBER(page_tables_build(&rig.image, NULL, &error), 0);
	}
	if (rig_create(&rig, true)) {
		struct machine_exit exit;
		CHECK_NUMBER(isolation_process.run(rig.machine, MACHINE_START,
						   clock_now_ns() + NANOSECONDS_PER_SECOND, &exit,
						   &error),
			     -EEXIST);
		CHECK(strstr(error.text, "a guest process could not map the image"));
	}
	rig_close(&rig);
	CHECK_NUMBER(child_of(getpid()), 0);
}

static int open_descriptors(void)
{
	int count = 0;
	cleanup_closedir DIR *directory = opendir("/proc/self/fd");
	while (directory && readdir(directory))
		count++;
	return count;
}

/* Many requests leave neither descriptors nor processes behind. */
static void test_nothing_stays(void)
{
	int before = open_descriptors();
	struct rig rig;
	if (rig_open(&rig, &isolation_process, guest_count) && rig_create(&rig, true)) {
		int open = open_descriptors();
		for (int round = 0; round < 200; round++) {
			CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 1);
			rig_reset(&rig);
		}
		CHECK_NUMBER(open_descriptors(), open);
	}
	rig_close(&rig);
	CHECK_NUMBER(open_descriptors(), before);
	CHECK_NUMBER(child_of(getpid()), 0);
}

int main(void)
{
	struct error error = {0};
	if (isolation_process.probe(&error)) {
		fprintf(stderr, "skipped: %s\n", error.text);
		return CHECK_SKIPPED;
	}
	test_forbidden();
	test_flood();
	test_broken_switch();
	test_killed_from_outside();
	test_monitor_dies();
	test_setup_fails();
	test_nothing_stays();
	return check_status();
}
