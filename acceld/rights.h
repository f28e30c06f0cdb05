/* What the processes of the accelerator host keep when they give up their rights.
 *
 * A worker does so before the first message of a client. It has an engine and plugins of others in
 * it, which open models, load libraries and start threads when they are first used; so it keeps
 * more than a monitor does, and what it does not keep fails with EPERM or EACCES instead of ending
 * it.
 *
 * The supervisor does so before it forks the first worker, which inherits what is left: so it keeps
 * what its workers keep, what they need to start (plugins may lie anywhere), and to start them.
 */
#ifndef MAYFLY_ACCELD_RIGHTS_H
#define MAYFLY_ACCELD_RIGHTS_H

#include "confine/confine.h"

enum acceld_role { ACCELD_SUPERVISOR, ACCELD_WORKER };

extern const struct confine_call acceld_worker_calls[];
extern const size_t acceld_worker_call_count;

/* Beside those of a worker. */
extern const struct confine_call acceld_supervisor_calls[];
extern const size_t acceld_supervisor_call_count;

/* Gives up, for good, all that is not kept: programs, connections, and in a worker processes, and
 * files but those of the system, of Mayfly's cache and of its run-time directory, where
 * `socket_path` is as well. Threads that there are already keep their files. -ENOMEM: all is kept,
 * and nobody should be served. */
int acceld_give_up_rights(enum acceld_role role, const char *socket_path,
			  struct confine_report *report, struct error *error);

#endif
