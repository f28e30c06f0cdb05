/* A tmpfs with "tmpcopyup": what was at its place is seen in it, and can be changed there.
 * Reference: the kernel's Documentation/filesystems/overlayfs.rst. */
#ifndef MAYFLY_OCI_ROOT_COPY_UP_H
#define MAYFLY_OCI_ROOT_COPY_UP_H

#include <stdbool.h>
#include <stdint.h>

/* `lower` is the directory, opened before a tmpfs was mounted on it, and `system` that tmpfs, which is
 * empty (both O_PATH). Nothing is copied: the tmpfs becomes the upper layer of an overlay that is
 * mounted on it. Where the directory is empty that is the tmpfs itself, which works also where overlays
 * of overlays do not. It belongs to whom the directory belonged, with its mode, or as the tmpfs has it
 * where `own_mode`. `flags` as attach_new() has them. 0 or a negative errno. */
int copy_up(int lower, int system, bool own_mode, uint64_t flags);

#endif
