/* System calls without SYSCALL.
 *
 * Under PVM a SYSCALL instruction of a guest is a round trip through the host's kernel (2 to 19 µs,
 * by machine), under process isolation a signal. The library OS is only a jump away. So where a
 * program loads the call's number and executes SYSCALL in the next instruction,
 *
 *     b8 nn nn nn nn   mov $number, %eax          e9 rr rr rr rr   jmp shortcut
 *     0f 05            syscall            →       0f 05            syscall
 *
 * the first instruction becomes a jump to a shortcut that enters the library OS as SYSCALL would
 * have (rcx: where to return). SYSCALL itself stays for whoever jumps to it from elsewhere. 94 % of
 * the sites in glibc programs look like that; all others work as they are.
 */
#ifndef MAYFLY_MONITOR_SHORTCUTS_H
#define MAYFLY_MONITOR_SHORTCUTS_H

#include "image.h"

#define SHORTCUTS_SIZE_MAX (128UL << 10) /* of that region */

/* Rewrites the sites in the regions at and above `first_region` of `image`, and puts the shortcuts
 * into a region of their own behind `end`, the end of the program. `syscall_entry`: the library
 * OS's. */
int shortcuts_install(struct image *image, size_t first_region, uint64_t end,
		      uint64_t syscall_entry, struct error *error);

#endif
