/* What the files of process_guest share (guest.c, guest_direct.c): system calls without a C library,
 * and the steps that all guests take. */
#ifndef MAYFLY_MONITOR_PROCESS_HELPER_H
#define MAYFLY_MONITOR_PROCESS_HELPER_H

#include <stdint.h>

struct process_direct_setup;
struct sock_filter;

/* All of them are in this program: hidden, so that no table of addresses is needed. */
#pragma GCC visibility push(hidden)
extern long process_system_call(long number, long first, long second, long third, long fourth,
				long fifth, long sixth);

_Noreturn void process_leave(int status);

/* Ends the helper where `result` is an error of the kernel's; the monitor learns which step. */
void process_check(long result, const char *step);

/* PROT_READ | … of GUEST_READ | …. */
long process_protection_bits(uint32_t protection);

/* The end of the monitor is the end of this process; no core, no descriptor, no privilege more. */
void process_follow_monitor(void);
void process_limit_resources(void);
void process_filter_calls(uint16_t length, struct sock_filter *filter);

/* Becomes a guest with direct calls, in an empty address space. */
_Noreturn void process_become_direct(struct process_direct_setup *setup);
#pragma GCC visibility pop

#define call6(number, a, b, c, d, e, f)                                                            \
	process_system_call((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e),       \
			    (long)(f))
#define call4(number, a, b, c, d) call6(number, a, b, c, d, 0, 0)
#define call3(number, a, b, c)	  call6(number, a, b, c, 0, 0, 0)
#define call2(number, a, b)	  call6(number, a, b, 0, 0, 0, 0)

#endif
