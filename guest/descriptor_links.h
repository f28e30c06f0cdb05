/* /proc/self/fd: a directory with a link for each descriptor. Such a link leads to what the
 * descriptor has open, whatever its text says; who follows it does not look at that. */
#ifndef MAYFLY_GUEST_DESCRIPTOR_LINKS_H
#define MAYFLY_GUEST_DESCRIPTOR_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file;
struct node;
struct listing;

/* The path of what is open, where it has a name; else what Linux says of such things. Its length;
 * at most PATH_MAX with its NUL. */
size_t descriptor_link_text(const struct file *file, char *text);

/* The link with this number as its name, with what the descriptor has open now; NULL where there is
 * none. 0 or -ENOMEM. */
int descriptor_link_find(const char *name, size_t length, struct node **found);

/* As directory_list(); the cookies are the numbers and DIRECTORY_FIRST_COOKIE. */
bool descriptor_link_list(uint64_t cookie, struct listing *listing);

#endif
