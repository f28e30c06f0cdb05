/* What guests ask of a root directory, on its way to the directory's server. */
#ifndef MAYFLY_MONITOR_ROOT_CALLS_H
#define MAYFLY_MONITOR_ROOT_CALLS_H

struct slot;

/* Serves the request in the root area of the slot's window. 0, or a negative errno for the guest:
 * -ENOSYS without a root directory, -EINVAL or -ENAMETOOLONG for what is no request, -EIO where
 * there is no server any more (said in the log). -ETIMEDOUT: the request's deadline has passed. */
int root_call_serve(struct slot *slot);

/* A request begins: makes sure that there is a server, where there is a root directory. */
void root_call_begin(struct slot *slot);

#endif
