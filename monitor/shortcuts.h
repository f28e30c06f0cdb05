/* System calls without SYSCALL.
 *
 * Under PVM a SYSCALL instruction of a guest is a round trip through the host's kernel (2 to 19 µs,
 * by machine), under process isolation a signal. The library OS is only a jump away. So
 * three shapes of code that make a system call are rewritten when a program is loaded:
 *
 *     0f 05              syscall                 →    e9 rr rr rr rr   jmp shortcut
 *     48 3d nn f0 ff ff  cmp $-4096, %rax             00 00 00         (never reached)
 *
 *     b8 nn nn nn nn     mov $number, %eax       →    e9 rr rr rr rr   jmp shortcut
 *     0f 05              syscall                      0f 05            syscall
 *
 *     c7 c0 0f 00 00 00  mov $15, %eax or %rax  →    e9 rr rr rr rr   jmp shortcut
 *     0f 05              syscall                      00 0f 05
 *
 * The shortcut enters the library OS as SYSCALL would have (rcx: where to return) and does what was
 * overwritten. The first shape is left alone where any byte of the program's code could be a jump
 * to the overwritten comparison; in the others SYSCALL stays for whoever jumps to it. The third is
 * how handlers of signals return; a REX prefix before it is one of the jump, too, without effect.
 * What has another shape works as it is.
 */
#ifndef MAYFLY_MONITOR_SHORTCUTS_H
#define MAYFLY_MONITOR_SHORTCUTS_H

#include "image.h"

#define SHORTCUTS_SIZE_MAX (128UL << 10) /* of the region that holds them */

/* Rewrites the sites in the regions from `first_region` on, and puts the shortcuts into a region of
 * their own behind `end`, the end of the program. `syscall_entry`: the library OS's. */
int shortcuts_install(struct image *image, size_t first_region, uint64_t end,
		      uint64_t syscall_entry, struct error *error);

#endif
