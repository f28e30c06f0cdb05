/* The one freeze, and where requests begin and end. */
#ifndef MAYFLY_GUEST_SNAPSHOT_H
#define MAYFLY_GUEST_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

/* Requests come over connections, unless one has come by standard input before. False: one has. */
bool snapshot_takes_connections(void);

/* The program is about to see a request: takes the snapshot if none was taken yet, or fetches the
 * request to warm up with. Afterwards one is in the window. */
void snapshot_begin_request(void);

/* The program waits for its first request, but other threads of it have something to do: what they do
 * before the snapshot is in it, and what they do after it is done in each clone. So the request is not
 * there yet, until all threads wait or have had their time. `self`: how many can run because they ask. */
bool snapshot_is_early(uint32_t self);

/* The program is done with its request and asks for the next: ends this one. After a warm-up the
 * snapshot is taken here, and the call returns in each clone with a request in the window. */
void snapshot_end_request(void);

/* The program was warmed up: it serves one request after another. */
bool snapshot_is_warmed(void);

/* The request is the one to warm up with. */
bool snapshot_is_warming_up(void);

#endif
