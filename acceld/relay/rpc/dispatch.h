/* Calls to where they are served. */
#ifndef MAYFLY_ACCELD_RPC_DISPATCH_H
#define MAYFLY_ACCELD_RPC_DISPATCH_H

struct rpc_call;

/* Finds what the call's request names, and serves it or has its session serve it: it is not the
 * caller's any more. By the thread that reads. */
void rpc_dispatch(struct rpc_call *call);

#endif
