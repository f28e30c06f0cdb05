/* Allow-lists of system calls, by seccomp.
 *
 * A list is a table, so that the filter, the documentation and the tests are all made from the same
 * source. An entry allows a call, or the call where one of its arguments has some bits as named;
 * several entries for a call allow each of these. The kernel remembers which calls are allowed
 * whatever their arguments, and does not run the filter for them: the others cost 0.1 µs or less.
 */
#ifndef MAYFLY_CONFINE_FILTER_H
#define MAYFLY_CONFINE_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define CONFINE_FILTER_MAX 512 /* instructions */

struct confine_call {
	const char *name;
	int number;
	/* What the role needs the call for; and what `value` is, where there is one. */
	const char *purpose;
	/* The argument (1 to 6) that is looked at: its bits `mask` must be `value`. 0: none is. */
	uint8_t argument;
	uint64_t mask, value;
	/* The call is made on some machines or at some times only, so a test that watches a run may
	 * not see it. */
	bool seldom;
	/* The call is answered with ENOSYS: the caller then does without it. */
	bool absent;
	/* The call raises SIGSYS, whose handler answers it. */
	bool trapped;
};

/* For tables: CONFINE_CALL(read, "requests"). */
#define CONFINE_CALL(call, why)                                                                    \
	{                                                                                          \
		.name = #call, .number = SYS_##call, .purpose = (why)                              \
	}
#define CONFINE_CALL_SELDOM(call, why)                                                             \
	{                                                                                          \
		.name = #call, .number = SYS_##call, .purpose = (why), .seldom = true              \
	}
#define CONFINE_CALL_WHERE(call, which, bits, wanted, why)                                         \
	{                                                                                          \
		.name = #call, .number = SYS_##call, .purpose = (why), .argument = (which),        \
		.mask = (bits), .value = (wanted)                                                  \
	}
#define CONFINE_CALL_TRAPPED(call, why)                                                            \
	{                                                                                          \
		.name = #call, .number = SYS_##call, .purpose = (why), .trapped = true             \
	}
/* The kernel looks at 32 bits of an ioctl's request. */
#define CONFINE_IOCTL(request, why)                                                                \
	{                                                                                          \
		.name = "ioctl", .number = SYS_ioctl, .purpose = #request why, .argument = 2,      \
		.mask = UINT32_MAX, .value = (uint32_t)(request)                                   \
	}

/* What happens to a call that is not in the list. */
enum confine_refusal {
	CONFINE_KILL,	/* the process dies by SIGSYS */
	CONFINE_REFUSE, /* EPERM: where code of others may try things and do without */
};

/* Makes the filter's instructions, at most CONFINE_FILTER_MAX. Returns how many, or a negative
 * errno. */
int confine_filter_build(const struct confine_call *calls, size_t count,
			 enum confine_refusal refusal, struct sock_filter *filter,
			 struct error *error);

/* Puts a filter in force for all threads; the caller must have no_new_privs.
 * 0 or a negative errno. */
int confine_filter_install(const struct sock_filter *filter, size_t length);

#endif
