/* Variables of a request; see variables.h. docs/guest-abi.md has what programs see of them. */
#include "variables.h"

#include <elf.h>
#include <stdint.h>

#include "guest/machine/hypercall.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"

#define AREA	 (GUEST_WINDOW_BASE + WINDOW_VARIABLES_OFFSET)
#define AREA_END (AREA + WINDOW_VARIABLES_SIZE)

/* How many variables before them a program may have removed, so that entries are still found. */
#define SHIFT_MAX 64

/* The environment's entry for a place. A program that removes a variable moves all that follow it to
 * lower addresses. 0: the program has no such entry any more. */
static uint64_t find_entry(uint64_t index)
{
	const uint64_t wanted = AREA + index * GUEST_VARIABLE_PLACE;
	const struct program_start *start = &process_first.start;
	uint64_t value, at = start->variables + index * sizeof(value);
	for (int i = 0; i < SHIFT_MAX && at > start->stack; i++, at -= sizeof(value)) {
		if (user_copy_in(&value, at, sizeof(value)))
			return 0;
		if (value == wanted)
			return at;
	}
	return 0;
}

static void set_entry(uint64_t index, uint64_t value)
{
	const uint64_t entry = find_entry(index);
	/* An error is ignored: a program may do with its stack what it likes. */
	if (entry)
		(void)user_copy_out(entry, &value, sizeof(value));
}

static uint64_t text_end(uint64_t address)
{
	while (address < AREA_END && *(const char *)address)
		address++;
	return address + 1;
}

/* Those that are too long for their places have to be pointed at. */
static uint64_t fill_entries(void)
{
	const uint64_t room = libos_start_info.variables_room;
	uint64_t count = machine_control()->variable_count, rest = AREA + GUEST_VARIABLES_REST;
	if (count > room)
		count = room;
	for (uint64_t i = 0; i < count && rest < AREA_END; i++) {
		if (*(const char *)(AREA + i * GUEST_VARIABLE_PLACE))
			continue;
		set_entry(i, rest);
		rest = text_end(rest);
	}
	if (count < room)
		set_entry(count, 0);
	return count;
}

void variables_resume(void)
{
	if (libos_start_info.variables_room)
		fill_entries();
}

/* C libraries look for the auxiliary vector behind the end of the environment. */
static void move_vector(uint64_t to)
{
	Elf64_auxv_t entry = {.a_type = AT_IGNORE};
	uint64_t from = process_first.start.auxiliary;
	process_first.start.auxiliary = to;
	while (entry.a_type != AT_NULL && !user_copy_in(&entry, from, sizeof(entry)) &&
	       !user_copy_out(to, &entry, sizeof(entry))) {
		from += sizeof(entry);
		to += sizeof(entry);
	}
}

void variables_start(void)
{
	const uint64_t room = libos_start_info.variables_room;
	if (!room || !machine_control()->serving)
		return;
	const uint64_t count = fill_entries();
	if (count < room)
		move_vector(process_first.start.variables + (count + 1) * sizeof(uint64_t));
}
