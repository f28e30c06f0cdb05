/* /proc/self/fd: a directory with a link for each descriptor. Such a link leads to what the
 * descriptor has open, whatever its text says; who follows it does not look at that. */
#ifndef MAYFLY_GUEST_DESCRIPTOR_LINKS_H
#define MAYFLY_GUEST_DESCRIPTOR_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;
struct listing;

/* The link with this number as its name, with what the descriptor has open now; NULL where there is
 * none. 0 or -ENOMEM. */
int descriptor_link_find(const char *name, size_t length, struct node **found);

/* As directory_list(); the cookies are the numbers and DIRECTORY_FIRST_COOKIE. */
bool descriptor_link_list(uint64_t cookie, struct listing *listing);

#endif
