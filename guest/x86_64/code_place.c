/* Where the program is, as a handler of a signal sees it: on Linux there are no stubs (code.c)
 * and no library OS, so no address of theirs may show. What stands for what is read out of the
 * stub itself; see lib/syscall_patch/code.h. */
#include "code_place.h"

#include "guest/mm/user_memory.h"
#include "syscall_patch/code.h"

#define SYSCALL_SIZE 2

extern char libos_syscall_entry[];

static const uint8_t *bytes_at(uint64_t address, uint64_t length)
{
	return user_readable(address, length) ? (const uint8_t *)address : NULL;
}

static bool is_trampoline(uint64_t address)
{
	const uint8_t *bytes = bytes_at(address, SYSCALL_STUB_SIZE);
	return bytes && syscall_patch_is_trampoline(bytes, (uint64_t)libos_syscall_entry);
}

/* Stubs and their trampoline lie at multiples of their size. */
static uint64_t begin_of(uint64_t address)
{
	return address & ~(uint64_t)(SYSCALL_STUB_SIZE - 1);
}

static bool find_stub(uint64_t address, struct syscall_stub *stub)
{
	const uint8_t *bytes = bytes_at(begin_of(address), SYSCALL_STUB_SIZE);
	return bytes && syscall_patch_read(bytes, begin_of(address), stub) &&
	       is_trampoline(stub->trampoline);
}

static uint64_t shown_address(uint64_t address)
{
	struct syscall_stub stub;
	return find_stub(address, &stub) ? syscall_patch_place(&stub, address - stub.address)
					 : address;
}

void code_show_place(struct code_place *place)
{
	/* Where the call would return to, unless the program uses the register otherwise. */
	place->rcx = shown_address(place->rcx);
	if (is_trampoline(begin_of(place->rip)))
		place->rip = place->rcx - SYSCALL_SIZE;
	else
		place->rip = shown_address(place->rip);
	if (place->r11 == (uint64_t)libos_syscall_entry)
		place->r11 = place->rflags;
}

uint64_t code_call_before(uint64_t rip)
{
	return shown_address(rip) - SYSCALL_SIZE;
}

uint64_t code_resume_place(uint64_t rip)
{
	struct syscall_stub stub;
	uint64_t target, call = rip - SYSCALL_SIZE;
	const uint8_t *bytes = bytes_at(call, SYSCALL_PATCH_SITE_MAX);
	if (!bytes || !syscall_patch_jump_target(bytes, call, &target) ||
	    target != begin_of(target) || !find_stub(target, &stub) || stub.move_size ||
	    stub.call != call)
		return rip;
	return syscall_patch_behind_call(&stub);
}
