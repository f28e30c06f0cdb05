/* Instructions by which a deprivileged kernel makes calls, and which need not trap.
 *
 * Each OUT costs an exit from the machine. An OUT that has trapped often, and before which the port is
 * loaded, is rewritten: the load becomes a jump to a stub, which puts the call into the box
 * (isolation/call_box.h), waits there for a while, and goes on behind the OUT, or to it where nobody has
 * served the call. As the OUT stays where it is, nothing has to be moved, and whoever jumps to it comes
 * out as before.
 *
 * That it trapped says that it is one: no code has to be searched when it is loaded. */
#include <string.h>

#include "address_space.h"
#include "monitor/isolation/call_box.h"
#include "monitor/kvm/kernel/call_stub.h"
#include "port_io.h"

/* To rewrite takes about as long as two exits, and in a clone a page of its own. Nor is it done before
 * somebody will serve the calls (machine_aside). */
#define OFTEN 3

/* mov $port, %edx; out %eax, %dx */
#define LOAD_LENGTH 5
#define LOAD_EDX    0xba
#define OUT_EAX_DX  0xef

/* The load of `port` and the OUT behind it, which is at `out`. A register of that name with a prefix is
 * another one, but then RDX would not have the port. */
static bool is_site(struct kernel *kernel, uint64_t out, uint32_t port)
{
	uint8_t bytes[LOAD_LENGTH + 1], wanted[LOAD_LENGTH + 1] = {LOAD_EDX};
	memcpy(wanted + 1, &port, sizeof(port));
	wanted[LOAD_LENGTH] = OUT_EAX_DX;
	return space_read_code(kernel, out - LOAD_LENGTH, bytes, sizeof(bytes)) &&
	       !memcmp(bytes, wanted, sizeof(bytes));
}

/* The next stub's place from calls_page on; 0 where there is no more room. */
static uint64_t take_place(struct kernel *kernel)
{
	struct call_box *box =
	    (struct call_box *)space_memory(kernel, kernel->start->calls_page, sizeof(*box));
	const uint32_t count = box ? box->stub_count : CALL_STUBS_MAX;
	if (count >= CALL_STUBS_MAX)
		return 0;
	box->stub_count = count + 1;
	return CALL_BOX_STUBS_OFFSET + (uint64_t)count * CALL_STUB_SIZE;
}

static void rewrite(struct kernel *kernel, uint64_t out, uint16_t port)
{
	const uint64_t calls = kernel->start->calls_page;
	uint8_t stub[CALL_STUB_SIZE], jump[LOAD_LENGTH];
	if (!space_maps_as_it_is(kernel, calls, false) ||
	    !space_maps_as_it_is(kernel, calls + CALL_BOX_STUBS_OFFSET, true))
		return;
	const uint64_t place = take_place(kernel);
	uint8_t *memory = place ? space_memory(kernel, calls + place, sizeof(stub)) : NULL;
	if (!memory || !call_stub_jump(jump, out - LOAD_LENGTH, calls + place) ||
	    !call_stub_write(stub, calls, calls + place, port, out))
		return;
	memcpy(memory, stub, sizeof(stub));
	space_write_code(kernel, out - LOAD_LENGTH, jump, sizeof(jump));
}

/* NULL: there were others, and there is no more room. */
static struct call_site *find_site(struct deprivileged *self, uint64_t out)
{
	for (size_t i = 0; i < CALL_SITES; i++) {
		struct call_site *site = &self->call_sites[i];
		if (!site->count)
			site->address = out;
		if (site->address == out)
			return site;
	}
	return NULL;
}

void call_sites_note(struct kernel *kernel)
{
	const struct kernel_start *start = kernel->start;
	const uint64_t out = kernel_regs(kernel)->rip, port = kernel_regs(kernel)->rdx;
	if (!start->calls_page || port < start->calls_first || port >= start->calls_end)
		return;
	struct call_site *site = find_site(kernel->deprivileged, out);
	if (!site || site->count == OFTEN)
		return;
	/* The last step is to rewrite it, once. */
	if (site->count == OFTEN - 1 && !kernel->machine->aside.wanted)
		return;
	if (++site->count < OFTEN)
		return;
	if (out >= LOAD_LENGTH && is_site(kernel, out, (uint32_t)port))
		rewrite(kernel, out, (uint16_t)port);
}
