/* The request of a program that is a server: it comes over a connection to it, and what the program
 * sends there is the response. */
#ifndef MAYFLY_GUEST_CONNECTION_H
#define MAYFLY_GUEST_CONNECTION_H

/* Before the program starts. */
void connection_init(void);

#endif
