/* The request and its answer: standard input, standard output and the log. */
#ifndef MAYFLY_GUEST_REQUEST_H
#define MAYFLY_GUEST_REQUEST_H

/* Opens the three standard streams. */
void request_init(void);

/* What mayfly_ready() says: the first time that the program is about to see its request, afterwards
 * that it is done with one and ready for the next. */
void request_ready_for_next(void);

#endif
