/* Functions as they are deployed: how a revision comes to serve, and goes. For the thread of the event loop. */
#ifndef MAYFLY_GATEWAY_DEPLOYMENTS_H
#define MAYFLY_GATEWAY_DEPLOYMENTS_H

#include "supervisor/secrets.h"
#include "supervisor/supervisor.h"

/* Loads all from the store. */
int deployments_load(struct supervisor *self, struct error *error);
void deployments_tick(struct supervisor *self, uint64_t now_ns);

/* Has all revisions end. */
void deployments_end(struct supervisor *self);

/* Lets a revision that is in the store serve: beside the current one, for `percent` of the requests, or (100)
 * instead of it, once it is ready: until then the current one goes on, and what was asked of it is done. Takes
 * over what `revision`, `description` and *secrets hold. */
int deployment_install(struct supervisor *self, struct store_revision *revision,
		       struct image_description *description, struct secrets **secrets,
		       unsigned percent, struct error *error);

/* The function is gone at once; requests that it has taken are done. */
void deployment_remove(struct supervisor *self, struct deployed *deployed);

/* The function is there, but has to be prepared anew before it can serve, or (`failure`) could not be.
 * -ENOMEM. */
int deployment_await(struct supervisor *self, const struct store_revision *revision,
		     const char *failure);

#endif
