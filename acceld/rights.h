/* What the accelerator host keeps when it gives up its rights, before the first message of a
 * client.
 *
 * It has an engine and plugins of others in it, which open models, load libraries and start threads
 * when they are first used; so it keeps more than a monitor does, and what it does not keep fails
 * with EPERM or EACCES instead of ending it. */
#ifndef MAYFLY_ACCELD_RIGHTS_H
#define MAYFLY_ACCELD_RIGHTS_H

#include "confine/confine.h"

extern const struct confine_call acceld_calls[];
extern const size_t acceld_call_count;

/* Gives up, for good, all that is not kept: programs and processes, connections, files but those of
 * the system, of Mayfly's cache and of its run-time directory, where `socket_path` is as well.
 * Threads that there are already keep their files. -ENOMEM: all is kept, and nobody should be
 * served. */
int acceld_give_up_rights(const char *socket_path, struct confine_report *report,
			  struct error *error);

#endif
