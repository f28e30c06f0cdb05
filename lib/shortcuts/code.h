/* System calls without SYSCALL: which code can be rewritten, and how.
 *
 * Under PVM a SYSCALL instruction of a guest is a round trip through the host's kernel (2 to 19 µs,
 * by machine), under process isolation a signal. The library OS is only a jump away. So
 * three shapes of code that make a system call are rewritten:
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
 * overwritten. The first shape is left alone where any byte of the code could be a jump to the
 * overwritten comparison; in the others SYSCALL stays for whoever jumps to it. The third is how
 * handlers of signals return; a REX prefix before it is one of the jump, too, without effect. What
 * has another shape works as it is.
 *
 * The monitor rewrites a program when it loads it, the library OS what is mapped later. So this is
 * freestanding: no allocation, no C library but memcpy().
 */
#ifndef MAYFLY_SHORTCUTS_CODE_H
#define MAYFLY_SHORTCUTS_CODE_H

#include <stddef.h>
#include <stdint.h>

#define SHORTCUT_SIZE 32 /* bytes of one, and of the door that all share */

/* A jump reaches 2 GiB; half of that is far from any overflow. Code and shortcuts must not be
 * further apart. */
#define SHORTCUT_REACH (1UL << 30)

/* The most bytes that a site has from its offset on. */
#define SHORTCUT_SITE_MAX 8

struct shortcut_site {
	uint64_t offset;    /* in the code, of the first byte that is overwritten */
	unsigned move_size; /* 0: the first shape */
};

/* Bytes of marks that shortcut_find() needs for that much code. */
static inline size_t shortcut_marks_size(size_t size)
{
	return size / 8 + 1;
}

/* Finds sites in `code`; *marks is zeroed, and of shortcut_marks_size(). Returns how many there
 * are, up to `room`. */
size_t shortcut_find(const uint8_t *code, size_t size, uint8_t *marks, struct shortcut_site *sites,
		     size_t room);

/* Writes the door: SHORTCUT_SIZE bytes, which lead to the library OS's entry. */
void shortcut_write_door(uint8_t *out, uint64_t syscall_entry);

/* Rewrites a site. Pointers are where bytes are written, addresses where they will run: `code` at
 * guest address `address` is where the site begins, still as it was; `out` is the shortcut's place,
 * SHORTCUT_SIZE bytes at guest address `shortcut`; `door` is the address of the door. */
void shortcut_write(const struct shortcut_site *site, uint8_t *code, uint64_t address, uint8_t *out,
		    uint64_t shortcut, uint64_t door);

#endif
