/* A tenant's worker: the process that runs the models that one client has sent, and nothing else.
 *
 * It has plugins and an engine that were made ready before it was forked, its channel
 * (tenant_channel.h), and nothing that could be opened. What it is told comes from a worker that it
 * has to believe; what lies in its memory comes from the client.
 */
#ifndef MAYFLY_ACCELD_TENANT_WORKER_H
#define MAYFLY_ACCELD_TENANT_WORKER_H

/* Serves the channel until the other end is closed, or something is wrong with it. Returns the exit
 * status. */
int tenant_worker_run(int channel);

#endif
