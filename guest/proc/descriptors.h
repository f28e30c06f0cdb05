/* /proc/self/fd and fdinfo: directories with a link, or a file, for each descriptor. Such a link is
 * magic: it leads to what the descriptor has open, whatever its text says. */
#ifndef MAYFLY_GUEST_PROC_DESCRIPTORS_H
#define MAYFLY_GUEST_PROC_DESCRIPTORS_H

#include "guest/fs/inode.h"

/* Of a directory of such links, and of one with the files of fdinfo, which tell of positions and
 * flags. */
extern const struct inode_operations proc_descriptor_links, proc_descriptor_files;

#endif
