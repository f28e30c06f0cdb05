/* What a user names as the program of a function: a path, an installed function, a snapshot, a root
 * image, or a program in a root. */
#ifndef MAYFLY_MONITOR_TARGET_H
#define MAYFLY_MONITOR_TARGET_H

#include <limits.h>
#include <stdbool.h>

#include "channel/description.h"
#include "monitor/monitor.h"
#include "monitor/target/image_command.h"
#include "util/error.h"

struct target {
	char path[PATH_MAX]; /* of the program, in the root where there is one */
	const char *root;
	char directory[PATH_MAX]; /* in the root; "": the root itself */
	bool directory_optional;  /* nobody asked for it by name */
	bool snapshot;
	bool is_image;		      /* the root is what was given as the program */
	struct image_command command; /* of a root image */
	const char **arguments, **environment;
};

/* Finds what the description names. It must live as long as the target. Release by
 * target_release(), whatever comes back. ENOENT and others, with a sentence that says what may have
 * been meant. */
int target_find(struct target *target, const struct description *description, struct error *error);
void target_release(struct target *target);

/* Opens a monitor for it, which reaches others through `dialer`, `reviver` and `vsock_dialer`. */
int target_open(struct monitor **monitor, const struct target *target,
		const struct description *description, const struct accel_dialer *dialer,
		const struct root_reviver *reviver, const struct vsock_dialer *vsock_dialer,
		struct error *error);

#endif
