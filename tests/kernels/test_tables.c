/* What the monitor writes into the code of a deprivileged kernel, through page tables that are as hostile as
 * they may be. There is no machine: the memory and its tables are here. */
#include <string.h>

#include "check.h"
#include "mayfly/guest_abi.h"
#include "monitor/kvm/deprivileged/address_space.h"
#include "monitor/x86_64/page_entries.h"

#define MEMORY 0x10000UL
#define OWN    0x1000UL /* a page behind it that is the monitor's */
#define ROOT   0x1000UL
#define LEAVES 0x4000UL /* the table of small pages */
#define JUMP   5

static _Alignas(GUEST_PAGE_SIZE) uint8_t memory[MEMORY + OWN];
static const uint8_t zeros[JUMP], jump[JUMP] = {0xe9, 1, 2, 3, 4};

static struct deprivileged deprivileged;
static const struct image image = {.size = MEMORY + OWN};
static const struct kernel_start start = {.memory = MEMORY};
static struct kernel kernel = {
    .start = &start, .image = &image, .memory = memory, .deprivileged = &deprivileged};

static uint64_t *entry_at(uint64_t table, uint64_t index)
{
	return (uint64_t *)(memory + table) + index;
}

/* Each page of memory and the one behind is where its number says, and is code. */
static void map(void)
{
	memset(memory, 0, sizeof(memory));
	deprivileged.cpu.cr3 = ROOT;
	deprivileged.cpu.efer = EFER_NXE;
	for (uint64_t table = ROOT; table < LEAVES; table += GUEST_PAGE_SIZE)
		*entry_at(table, 0) = (table + GUEST_PAGE_SIZE) | ENTRY_TABLE;
	for (uint64_t at = 0; at < sizeof(memory); at += GUEST_PAGE_SIZE)
		*entry_at(LEAVES, at / GUEST_PAGE_SIZE) = at | ENTRY_TABLE;
}

/* Where the page at `address` lies, and with which rights. */
static void move(uint64_t address, uint64_t entry)
{
	*entry_at(LEAVES, address / GUEST_PAGE_SIZE) = entry;
}

static void test_plain(void)
{
	map();
	CHECK(space_write_code(&kernel, 0x8004, jump, JUMP));
	CHECK(!memcmp(memory + 0x8004, jump, JUMP));
	CHECK(space_write_code(&kernel, 0x9000 - JUMP, jump, JUMP));
	CHECK(!memcmp(memory + 0x9000 - JUMP, jump, JUMP));
	CHECK_NUMBER(memory[0x9000], 0);
	/* Pages that are neighbours need not lie side by side. */
	move(0xa000, 0xc000 | ENTRY_TABLE);
	CHECK(space_write_code(&kernel, 0x9ffe, jump, JUMP));
	CHECK(!memcmp(memory + 0x9ffe, jump, 2) && !memcmp(memory + 0xc000, jump + 2, 3));
	CHECK(!memcmp(memory + 0xa000, zeros, JUMP));
}

/* All or nothing. */
static void test_refused(void)
{
	const uint64_t entries[] = {0, 0xa000 | ENTRY_TABLE | ENTRY_NO_EXECUTE,
				    MEMORY | ENTRY_TABLE, 1UL << 40 | ENTRY_TABLE};
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		map();
		move(0xa000, entries[i]);
		CHECK(!space_write_code(&kernel, 0x9ffe, jump, JUMP));
		CHECK(!space_write_code(&kernel, 0xa000, jump, JUMP));
		CHECK(!space_write_code(&kernel, 0xaffe, jump, JUMP));
		CHECK(!memcmp(memory + 0x9ffe, zeros, 2) && !memcmp(memory + 0xb000, zeros, 3));
	}
}

/* Code that lies in the entry by which it is mapped: the first byte of the jump unmaps the rest. */
static void test_in_its_tables(void)
{
	const uint64_t address = 0x5000, place = address / GUEST_PAGE_SIZE * sizeof(uint64_t);
	map();
	move(address, LEAVES | ENTRY_TABLE);
	CHECK(space_write_code(&kernel, address + place, zeros, JUMP));
	CHECK(!memcmp(memory + LEAVES + place, zeros, JUMP));
	CHECK(!space_write_code(&kernel, address + place, jump, JUMP));
}

int main(void)
{
	test_plain();
	test_refused();
	test_in_its_tables();
	return check_status();
}
