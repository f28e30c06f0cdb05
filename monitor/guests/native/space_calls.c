/* Address spaces of a guest; see space_calls.h. Each run is copied out of the window before it is
 * looked at. */
#include "space_calls.h"

#include <errno.h>
#include <stdlib.h>

#include "mayfly/guest_abi.h"
#include "monitor/memory/page_area.h"
#include "monitor/slot/slot.h"
#include "util/cleanup.h"

/* *run is what the guest wrote, as far as that can be said without its page tables. */
static bool take_run(const struct guest_space_run *from, bool *is_own, struct page_run *run)
{
	const uint32_t known = GUEST_READ | GUEST_WRITE | GUEST_EXECUTE | GUEST_SHARED;
	*is_own = from->protection == GUEST_SPACE_OWN;
	*run = (struct page_run){
	    .address = from->address,
	    .length = from->length,
	    .source = from->source,
	    .protection = from->protection & ~GUEST_SHARED,
	    .shared = from->protection & GUEST_SHARED,
	};
	if (from->reserved || (from->address | from->source | from->length) % GUEST_PAGE_SIZE)
		return false;
	return *is_own ? !from->source : !(from->protection & ~known);
}

static int make_space(struct slot *slot, uint64_t number, uint64_t count)
{
	const struct isolation *isolation = slot->machine->isolation;
	/* Volatile, or compilers read a field again after it was looked at. */
	const volatile struct guest_space_run *given =
	    (const volatile void *)(slot->window.memory + WINDOW_CONTENTS_OFFSET);
	if (count > GUEST_SPACE_RUNS_MAX)
		return -EINVAL;
	cleanup_free struct page_run *runs = calloc(count + 1, sizeof(*runs));
	size_t own = 0;
	if (!runs)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct guest_space_run copy = given[i];
		bool is_own;
		if (!take_run(&copy, &is_own, &runs[i]) || (is_own && own != i))
			return -EINVAL;
		own += is_own;
	}
	return isolation->make_space(slot->machine, number, runs, own, count - own);
}

static int enter_space(struct slot *slot, uint64_t number, uint64_t count, uint64_t dropped)
{
	const struct isolation *isolation = slot->machine->isolation;
	int result = count == GUEST_SPACE_MADE ? 0 : make_space(slot, number, count);
	if (!result)
		result = isolation->switch_space(slot->machine, number);
	return result || !dropped ? result : isolation->drop_space(slot->machine, dropped);
}

int space_call_serve(struct slot *slot, const uint64_t arguments[4])
{
	const uint64_t number = arguments[1], count = arguments[2];
	const struct isolation *isolation = slot->machine->isolation;
	if (!isolation->make_space)
		return -ENOSYS;
	switch (arguments[0]) {
	case GUEST_SPACE_MAKE:
		return make_space(slot, number, count);
	case GUEST_SPACE_SWITCH:
		return isolation->switch_space(slot->machine, number);
	case GUEST_SPACE_DROP:
		return isolation->drop_space(slot->machine, number);
	case GUEST_SPACE_ENTER:
		return enter_space(slot, number, count, arguments[3]);
	default:
		return -EINVAL;
	}
}
