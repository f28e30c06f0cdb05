/* Whose files are believed.
 *
 * Code, models and sockets come from places that somebody names: an environment, an option, a
 * cache. Whoever may write there decides what this process does; so nobody may but those who decide
 * it anyhow: root, the effective user, and the owner of the program that runs.
 */
#ifndef MAYFLY_UTIL_TRUST_H
#define MAYFLY_UTIL_TRUST_H

#include "util/error.h"

/* Looks at `path` and everything that leads there: each directory from the root on and each
 * symbolic link, of which the owner must be one of those above, and which nobody else may write.
 * Others may write a directory with the sticky bit (/tmp), where they cannot replace what is not
 * theirs; a group may where it is the owner's private one: it is his primary group, and /etc/passwd
 * and /etc/group know nobody else in it.
 *
 * 0 where only they can change what `path` means, now and later: so it may be opened afterwards.
 * -EPERM, with a sentence that names what others could change and what to do; another negative
 * errno where `path` cannot be looked at (-ENOENT where it is not there). */
int trust_path(const char *path, struct error *error);

/* The same for what is looked for beside `known`, which is code of this process: where others could
 * have changed that, they need no second file, and `path` is believed as well. */
int trust_path_beside(const char *path, const char *known, struct error *error);

/* A file that is open and is to be mapped: who may write it changes it while it is in use. 0 where
 * only those above may, or nobody (fs-verity, the immutable attribute); -EPERM, with a sentence
 * that says what to do. What leads to the file does not count: it is this one that is used. */
int trust_open_file(int fd, const char *path, struct error *error);

#endif
