/* The user that an image names, in the files of its own. */
#ifndef MAYFLY_MONITOR_IMAGE_USER_H
#define MAYFLY_MONITOR_IMAGE_USER_H

#include <stdint.h>

#include "root/tree.h"
#include "util/error.h"

/* Finds "USER" or "USER:GROUP", names or numbers, in /etc/passwd and /etc/group of the tree.
 * Without a group it is the user's own, or 0 for a number that nobody has. ENOENT for a name that
 * is not there. */
int image_user_find(const struct root_tree *tree, const char *text, uint32_t *user, uint32_t *group,
		    struct error *error);

#endif
