/* Filters of libseccomp as instructions for the kernel. */
#ifndef MAYFLY_CONFINE_FILTER_EXPORT_H
#define MAYFLY_CONFINE_FILTER_EXPORT_H

#include <linux/filter.h>
#include <seccomp.h>
#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"

static inline void cleanup_filter_function(scmp_filter_ctx *context)
{
	if (*context)
		seccomp_release(*context);
}

#define cleanup_filter cleanup(cleanup_filter_function)

/* Has the library ask the kernel what filters it knows, which it otherwise does when the first one is made: by
 * calls that a filter that is in force may not let through. */
void confine_filter_prepare(void);

/* Writes the instructions of `context` to `filter`, which has room for `room`. Returns how many
 * there are, or a negative errno. */
int confine_filter_export(scmp_filter_ctx context, struct sock_filter *filter, size_t room,
			  struct error *error);

#endif
