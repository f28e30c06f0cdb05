/* The root image: the tree of files that a guest begins with, read in place and never written.
 *
 * It is the lower layer of the file tree. A node is made of what it holds when a path first comes
 * by; what is written lies in the clone's memory from then on (node.c, contents.c). The monitor has
 * checked the image: every number in it is within bounds.
 */
#ifndef MAYFLY_GUEST_ROOT_H
#define MAYFLY_GUEST_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/root_format.h"

/* There is an image. */
bool root_is_there(void);

/* How many nodes the image has: numbers of nodes made here lie above. */
uint64_t root_node_count(void);

const struct root_node *root_node(uint32_t number);
const char *root_target(const struct root_node *link);
const char *root_contents(const struct root_node *file);

/* The entry of a directory with this index, below its size. */
const struct root_entry *root_entry(const struct root_node *directory, uint64_t index);
const char *root_entry_name(const struct root_entry *entry);

/* Finds a name in a directory; false where it is not there. */
bool root_find(const struct root_node *directory, const char *name, size_t length, uint64_t *index);

#endif
