/* What the processes of the accelerator host keep when they give up their rights.
 *
 * A worker does so before the first message of a client. It has an engine and plugins of others in
 * it, which open models, load libraries and start threads when they are first used; so it keeps
 * more than a monitor does, and what it does not keep fails with EPERM or EACCES instead of ending
 * it.
 *
 * A tenant's worker runs what one client has sent, and keeps nothing but its channel, memory and
 * threads. The zygote that it is forked from keeps beside that what it takes to fork it.
 *
 * A relay looks at what strangers send, and keeps its sockets, memory and threads.
 *
 * The supervisor does so before it forks the first worker, which inherits what is left: so it keeps
 * what its workers keep, what they need to start (plugins may lie anywhere), and to start them.
 */
#ifndef MAYFLY_ACCELD_RIGHTS_H
#define MAYFLY_ACCELD_RIGHTS_H

#include "confine/confine.h"

enum acceld_role {
	ACCELD_SUPERVISOR,
	ACCELD_SUPERVISOR_LISTENING, /* where and for whom a file says, which may change */
	ACCELD_WORKER,		     /* whose plugins are ready */
	ACCELD_WORKER_WAITING,	     /* for an engine that somebody may install */
	ACCELD_ZYGOTE,
	ACCELD_RELAY,
	ACCELD_METRICS
};

extern const struct confine_call acceld_tenant_calls[];
extern const size_t acceld_tenant_call_count;

/* Beside those of a tenant's worker, in one that may run code which its client has sent. */
extern const struct confine_call acceld_code_calls[];
extern const size_t acceld_code_call_count;

/* Beside those of a tenant's worker. */
extern const struct confine_call acceld_zygote_calls[];
extern const size_t acceld_zygote_call_count;

extern const struct confine_call acceld_worker_calls[];
extern const size_t acceld_worker_call_count;

/* Beside those of a worker and of a zygote. */
extern const struct confine_call acceld_supervisor_calls[];
extern const size_t acceld_supervisor_call_count;

/* Beside those, where tenants are configured. */
extern const struct confine_call acceld_listening_calls[];
extern const size_t acceld_listening_call_count;

extern const struct confine_call acceld_relay_calls[];
extern const size_t acceld_relay_call_count;

/* Beside those of a relay. */
extern const struct confine_call acceld_metrics_calls[];
extern const size_t acceld_metrics_call_count;

/* Gives up, for good, all that is not kept: programs, connections, and in a worker processes, and
 * files but those of the system, of Mayfly's cache and of its run-time directory, where
 * `socket_path` is as well (zygote, relay and metrics: no files at all, and NULL). Threads that there are
 * already keep their files. -ENOMEM: all is kept, and nobody should be served. */
int acceld_give_up_rights(enum acceld_role role, const char *socket_path,
			  struct confine_report *report, struct error *error);

/* What a tenant's worker calls may be. */
struct acceld_tenant_filter {
	struct sock_filter code[CONFINE_FILTER_MAX];
	size_t length; /* 0: there is none */
};

/* Before the zygote gives up its rights: it cannot do this afterwards, and each worker need not. */
void acceld_make_tenant_filter(struct acceld_tenant_filter *filter, bool runs_code);

/* In a tenant's worker: gives up, for good, all but what its filter has. -EPERM where neither a
 * filter nor Landlock keeps files from it, and it must not run what strangers send. */
int acceld_give_up_tenant_rights(const struct acceld_tenant_filter *filter);

#endif
