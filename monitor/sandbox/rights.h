/* What a monitor keeps when it gives up its rights: the system calls, files and limits of its role.
 * What holds its guests in says what that takes beside what each monitor needs (struct
 * machine_rights): ioctls of KVM, or fork and exec of one program.
 *
 * docs/security.md has the tables, made from these; a test compares a monitor at work with them.
 */
#ifndef MAYFLY_MONITOR_RIGHTS_H
#define MAYFLY_MONITOR_RIGHTS_H

#include <stddef.h>

#include "confine/confine.h"
#include "monitor/guests/kind.h"
#include "monitor/isolation/isolation.h"

/* The whole list for a monitor with that isolation and kind of guest (NULL: one that needs nothing
 * besides), in fresh memory that the caller frees; NULL where there is none left. */
struct confine_call *rights_calls(const struct isolation *isolation, const struct guest_kind *kind,
				  size_t *count);

/* Gives up, for good, all that is not in the list. `host` is what machines are made with. 0, or
 * -ENOMEM with nothing given up. */
int rights_give_up(const struct isolation *isolation, const struct isolation_host *host,
		   const struct guest_kind *kind, struct confine_report *report,
		   struct error *error);

/* Gives up in a child what monitor_confine() gives up, and tells how that went. */
int rights_try(const struct isolation *isolation, struct confine_report *report,
	       struct error *error);

#endif
