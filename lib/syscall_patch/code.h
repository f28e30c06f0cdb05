/* System calls without SYSCALL: which code can be rewritten, and how.
 *
 * Under PVM a SYSCALL instruction of a guest is a round trip through the host's kernel (2 to 19 µs,
 * by machine), under process isolation a signal. The library OS is only a jump away. So
 * three shapes of code that make a system call are rewritten:
 *
 *     0f 05              syscall                 →    e9 rr rr rr rr   jmp stub
 *     48 3d nn f0 ff ff  cmp $-4096, %rax             00 00 00         (never reached)
 *
 *     b8 nn nn nn nn     mov $number, %eax       →    e9 rr rr rr rr   jmp stub
 *     0f 05              syscall                      0f 05            syscall
 *
 *     c7 c0 0f 00 00 00  mov $15, %eax or %rax  →    e9 rr rr rr rr   jmp stub
 *     0f 05              syscall                      00 0f 05
 *
 * The stub enters the library OS as SYSCALL would have (rcx: where to return) and does what was
 * overwritten. The first shape is left alone where any byte of the code could be a jump to the
 * overwritten comparison; in the others SYSCALL stays for whoever jumps to it. The third is how
 * handlers of signals return; a REX prefix before it is one of the jump, too, without effect. What
 * has another shape works as it is.
 *
 * The monitor rewrites a program when it loads it, the library OS what is mapped later. So this is
 * freestanding: no allocation, no C library but memcpy().
 */
#ifndef MAYFLY_SYSCALL_PATCH_CODE_H
#define MAYFLY_SYSCALL_PATCH_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSCALL_STUB_SIZE 32 /* bytes of one, and of the trampoline that all share */

/* Code and stubs must not be further apart. A jump reaches 2 GiB; half of that keeps every sum far
 * from an overflow. */
#define SYSCALL_PATCH_REACH (1UL << 30)

/* The most bytes that a site has from its offset on. */
#define SYSCALL_PATCH_SITE_MAX 8

struct syscall_site {
	uint64_t offset;    /* in the code, of the first byte that is overwritten */
	unsigned move_size; /* 0: the first shape */
};

/* Bytes of marks that syscall_patch_find() needs for that much code. */
static inline size_t syscall_patch_marks_size(size_t size)
{
	return size / 8 + 1;
}

/* Finds sites in `code`; *marks is zeroed, and of syscall_patch_marks_size(). Returns how many
 * there are, up to `room`. */
size_t syscall_patch_find(const uint8_t *code, size_t size, uint8_t *marks,
			  struct syscall_site *sites, size_t room);

/* Writes the trampoline: SYSCALL_STUB_SIZE bytes, which lead to the library OS's entry. */
void syscall_patch_write_trampoline(uint8_t *out, uint64_t syscall_entry);

/* Rewrites a site. Pointers are where bytes are written, addresses where they will run: `code` at
 * guest address `address` is where the site begins, still as it was; `out` is the stub's place,
 * SYSCALL_STUB_SIZE bytes at guest address `stub`; `trampoline` is the address of the trampoline. */
void syscall_patch_write(const struct syscall_site *site, uint8_t *code, uint64_t address,
			 uint8_t *out, uint64_t stub, uint64_t trampoline);

/* ── reading them back ───────────────────────────────────────────────────────────────────────── */

struct syscall_stub {
	uint64_t address;
	uint64_t call;	    /* address of the SYSCALL instruction that it stands for */
	unsigned move_size; /* as in struct syscall_site */
	uint64_t trampoline;
};

/* Reads the SYSCALL_STUB_SIZE bytes at guest address `address`; false where they are no stub. What
 * `trampoline` leads to is left to the caller, syscall_patch_is_trampoline() tells. */
bool syscall_patch_read(const uint8_t *bytes, uint64_t address, struct syscall_stub *stub);
bool syscall_patch_is_trampoline(const uint8_t *bytes, uint64_t syscall_entry);

/* The address in the program's own code that corresponds to `offset` bytes into the stub. */
uint64_t syscall_patch_place(const struct syscall_stub *stub, uint64_t offset);

/* Where a program continues that stands behind a SYSCALL of the first shape, since the bytes there
 * were overwritten. */
uint64_t syscall_patch_behind_call(const struct syscall_stub *stub);

/* The address of the stub that the jump at guest address `address` leads to; false where the
 * bytes are none. */
bool syscall_patch_jump_target(const uint8_t *bytes, uint64_t address, uint64_t *target);

#endif
