/* The request and its answer: standard input, standard output and the log. */
#ifndef MAYFLY_GUEST_REQUEST_H
#define MAYFLY_GUEST_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

/* Opens the three standard streams. */
void request_init(void);

/* What mayfly_ready() says: the first time that the program is about to see its request, afterwards
 * that it is done with one and ready for the next. */
void request_ready_for_next(void);

/* For a request that the program gets over a connection (connection.c) instead of from standard
 * input. It begins, which is where the machine is frozen, and standard output is the log from then on;
 * and it is over, which does not return while it is served: after one to warm up with the next has
 * begun. */
void request_begin_over_connection(void);
void request_finish(void);

/* Bytes of it that are there, waiting for some until that time; 0: none yet, or it has ended. */
uint64_t request_peek(uint64_t until_ns, const char **bytes);
void request_take(uint64_t length);
bool request_has_ended(void);
void request_answer(const void *bytes, uint64_t length);

/* Hands on at once what was answered so far; without this call that happens before the machine waits. */
void request_pass_on(void);

#endif
