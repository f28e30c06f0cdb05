/* Mappings that share their pages with a file and with other mappings of it. The pages are the
 * file's: they stay where its contents are read and written, and are seen at the mappings' addresses
 * as well. So nothing has to be kept in step. */
#ifndef MAYFLY_GUEST_SHARED_H
#define MAYFLY_GUEST_SHARED_H

#include <stdbool.h>
#include <stdint.h>

struct vma;

/* Puts up to that many pages, from that of `address` on, behind a shared VMA. False: the file has
 * none there. If no memory is left, the program ends here. */
bool shared_fault(const struct vma *vma, uint64_t address, uint64_t pages);

/* The file will not have the pages of [start, end), which are offsets in it, any more: takes them
 * away from all mappings. `object`: see backing.h. */
void shared_forget(const void *object, uint64_t start, uint64_t end);

/* A mapping of it may be written, or may become so. */
bool shared_is_writable(const void *object);

/* Where the memory at `address` is itself: the same for all addresses that share it, in whatever space,
 * and for no others in any. Not an address. */
uint64_t shared_home(uint64_t address);

/* True if `address` lies in a shared mapping behind the end of its file. */
bool shared_is_behind_end(uint64_t address);

#endif
