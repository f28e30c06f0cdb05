/* For tests: a stream in front of an accelerator host, with messages in it (mayfly/wire.h). */
#ifndef MAYFLY_TESTS_FORWARDER_H
#define MAYFLY_TESTS_FORWARDER_H

#include <pthread.h>

struct forwarder {
	int listener;
	const char *host; /* its socket's path */
	pthread_t thread;
};

/* Takes a listening stream socket, and serves each connection in a thread until forwarder_stop(). 0 or
 * a negative errno. */
int forwarder_start(struct forwarder *forwarder, int listener, const char *host);
void forwarder_stop(struct forwarder *forwarder);

#endif
