/* Calls that nobody serves; see refusals.h. */
#include "refusals.h"

#include <stddef.h>
#include <sys/syscall.h>

#include "guest/machine/machine.h"
#include "sizes/sizes.h"

#define NAME(name)                                                                                 \
	{                                                                                          \
		SYS_##name, #name                                                                  \
	}

/* Those without which programs may fail. */
static const struct {
	uint64_t number;
	const char *name;
} names[] = {
    NAME(shmget),
    NAME(shmat),
    NAME(shmctl),
    NAME(semget),
    NAME(semop),
    NAME(semctl),
    NAME(semtimedop),
    NAME(msgget),
    NAME(msgsnd),
    NAME(msgrcv),
    NAME(msgctl),
    NAME(mq_open),
    NAME(mq_timedsend),
    NAME(mq_timedreceive),
    NAME(ptrace),
    NAME(splice),
    NAME(tee),
    NAME(vmsplice),
    NAME(inotify_init),
    NAME(inotify_init1),
    NAME(inotify_add_watch),
    NAME(fanotify_init),
    NAME(io_setup),
    NAME(io_submit),
    NAME(io_uring_setup),
    NAME(userfaultfd),
    NAME(perf_event_open),
    NAME(bpf),
    NAME(keyctl),
    NAME(add_key),
    NAME(request_key),
    NAME(unshare),
    NAME(setns),
    NAME(mount),
    NAME(umount2),
    NAME(chroot),
    NAME(pivot_root),
    NAME(swapon),
    NAME(swapoff),
    NAME(acct),
    NAME(quotactl),
    NAME(reboot),
    NAME(sethostname),
    NAME(personality),
    NAME(process_vm_readv),
    NAME(process_vm_writev),
    NAME(kcmp),
    NAME(capset),
    NAME(capget),
    NAME(adjtimex),
    NAME(clock_settime),
    NAME(settimeofday),
    NAME(syslog),
    NAME(name_to_handle_at),
    NAME(open_by_handle_at),
    NAME(sync_file_range),
    NAME(readahead),
    NAME(preadv2),
    NAME(pwritev2),
    NAME(memfd_secret),
    NAME(remap_file_pages),
};

/* C libraries and runtimes only try these, and do without. */
static const uint64_t tried[] = {
    334, /* rseq */
    SYS_membarrier,
    SYS_seccomp,
    SYS_get_mempolicy,
    SYS_set_mempolicy,
    SYS_mbind,
    441, /* epoll_pwait2 */
    449, /* futex_waitv */
    SYS_capget,
};

void refusals_note(uint64_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(tried); i++)
		if (tried[i] == number)
			return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].number == number) {
			machine_note_refusal("the system call %s (ENOSYS)", names[i].name);
			return;
		}
	}
	machine_note_refusal("system call %lu (ENOSYS)", number);
}
