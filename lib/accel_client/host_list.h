/* The accelerator hosts of this user: which run, with which settings, and ending one. */
#ifndef MAYFLY_ACCEL_CLIENT_HOST_LIST_H
#define MAYFLY_ACCEL_CLIENT_HOST_LIST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

struct host_entry {
	char path[PATH_MAX]; /* of its socket */
	char name[NAME_MAX]; /* "acceld", "acceld-0123456789ab": of the socket, without ".sock" */
	pid_t process;	     /* its supervisor; 0: it does not run */
	bool own;	     /* it is the one for the settings of this process */
	char *settings;	     /* lines as of host_settings_describe(), and options; never NULL */
};

struct host_list {
	struct host_entry *entries;
	size_t count;
};

/* Those in the run-time directory that run, the one for the settings of this process first, whether
 * it runs or not. Release the list in any case. */
int host_list_read(struct host_list *list, struct error *error);
void host_list_release(struct host_list *list);

/* Looks at the host whose socket is `path`. Release it by host_entry_release() in any case. */
int host_entry_read(struct host_entry *entry, const char *path, struct error *error);
void host_entry_release(struct host_entry *entry);

/* Asks the host to end (SIGTERM) and waits until it has, at most until `deadline_ns`
 * (CLOCK_MONOTONIC). Requests under way get a few seconds. ESRCH where it does not run, ETIMEDOUT.
 */
int host_entry_stop(const struct host_entry *entry, uint64_t deadline_ns, struct error *error);

#endif
