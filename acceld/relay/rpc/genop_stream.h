/* Genop in pieces: a client may send the request of a Genop in several frames, and cut an argument that
 * is too large for one into parts. They are put together here, and served as one when the stream ends.
 *
 * All of it is for the thread that reads.
 */
#ifndef MAYFLY_ACCELD_RPC_GENOP_STREAM_H
#define MAYFLY_ACCELD_RPC_GENOP_STREAM_H

#include <stdint.h>

struct rpc_client;
struct rpc_frame;

/* At once, of a client: they take memory, but no thread. */
#define RPC_STREAMS_MAX 16

/* Opens the stream of that id. Where it cannot be opened, that is its answer, and data for it is thrown
 * away. */
void rpc_stream_begin(struct rpc_client *client, uint32_t id, uint64_t deadline_ns);

/* One frame of it: a Request, or a part of one. With RPC_FLAG_CLOSED the stream ends, and is served.
 * Data of a stream that there is not is thrown away. 0, or a negative errno where the connection is
 * over. */
int rpc_stream_data(struct rpc_client *client, const struct rpc_frame *frame);

/* Throws all of a client's away. */
void rpc_stream_end_all(struct rpc_client *client);

#endif
