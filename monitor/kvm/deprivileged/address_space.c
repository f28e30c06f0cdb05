/* The page tables of a deprivileged kernel; see address_space.h. References: SDM 3A, 4.5 to 4.7. */
#include "address_space.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "frozen_tables.h"
#include "monitor/x86_64/page_entries.h"
#include "sizes/sizes.h"

/* Tables that are opened at a load of CR3; the rest is opened as it is touched. */
#define TABLES_OPENED_MAX 4096

/* What the processor, or this file, changes in an entry that means the same to the guest. */
#define ENTRY_CHANGING (ENTRY_ACCESSED | ENTRY_DIRTY | ENTRY_USER)

/* Bytes of a transfer in which page tables are looked for. */
#define LOOKED_AT_MAX (64UL << 10)

#define LEVEL_ROOT 3
#define LEVEL_HUGE 2 /* where a large page has 1 GiB */

/* How the tables map an address. */
struct walk {
	uint64_t *entries[LEVEL_ROOT + 1]; /* from the root down to `level` */
	int level;			   /* of the entry that has the address */
	bool user, writable, executable;   /* what all entries on the way allow */
	uint64_t physical;
};

/* The table that an entry, or CR3, points to; NULL where that is no memory of the guest. */
static uint64_t *table_of(const struct kernel *kernel, uint64_t entry)
{
	const uint64_t physical = entry & ENTRY_ADDRESS;
	if (!range_within(physical, GUEST_PAGE_SIZE, kernel->image->size))
		return NULL;
	return (uint64_t *)(kernel->memory + physical);
}

static bool is_leaf(uint64_t entry, int level)
{
	return level == 0 || (level <= LEVEL_HUGE && entry & ENTRY_LARGE);
}

static uint64_t leaf_size(int level)
{
	return 1UL << (12 + 9 * level);
}

/* False where nothing is mapped. */
static bool walk_tables(const struct kernel *kernel, uint64_t address, struct walk *walk)
{
	const uint64_t no_execute = kernel_cpu(kernel)->efer & EFER_NXE ? ENTRY_NO_EXECUTE : 0;
	uint64_t *table = table_of(kernel, kernel_cpu(kernel)->cr3);
	*walk = (struct walk){.user = true, .writable = true, .executable = true};
	for (int level = LEVEL_ROOT; level >= 0 && table; level--) {
		uint64_t *place = &table[page_entry_index(address, level)];
		const uint64_t entry = *(volatile uint64_t *)place;
		if (!(entry & ENTRY_PRESENT))
			return false;
		walk->entries[level] = place;
		walk->level = level;
		walk->user &= (entry & ENTRY_USER) != 0;
		walk->writable &= (entry & ENTRY_WRITABLE) != 0;
		walk->executable &= !(entry & no_execute);
		if (is_leaf(entry, level)) {
			const uint64_t inner = leaf_size(level) - 1;
			walk->physical = (entry & ENTRY_ADDRESS & ~inner) | (address & inner);
			return true;
		}
		table = table_of(kernel, entry);
	}
	return false;
}

/* ── copying ─────────────────────────────────────────────────────────────────────────────────── */

static bool may_write(const struct kernel *kernel, const struct walk *walk)
{
	return walk->writable || !(kernel_cpu(kernel)->cr0 & CR0_WP);
}

/* What the processor would note of the access (4.8). */
static void mark(const struct walk *walk, bool write)
{
	for (int level = LEVEL_ROOT; level >= walk->level; level--)
		if (!(*walk->entries[level] & ENTRY_ACCESSED))
			*walk->entries[level] |= ENTRY_ACCESSED;
	if (write && !(*walk->entries[walk->level] & ENTRY_DIRTY))
		*walk->entries[walk->level] |= ENTRY_DIRTY;
}

/* The host's pointer to what is left of the page at `address`; NULL with the exception. */
static uint8_t *find(struct kernel *kernel, uint64_t address, bool write, uint64_t *left,
		     struct exception *exception)
{
	struct walk walk;
	*left = GUEST_PAGE_SIZE - address % GUEST_PAGE_SIZE;
	if (!address_is_canonical(address)) {
		*exception = exception_with_code(VECTOR_PROTECTION, 0);
		return NULL;
	}
	const bool present = walk_tables(kernel, address, &walk);
	if (!present || (write && !may_write(kernel, &walk))) {
		*exception = exception_with_code(VECTOR_PAGE_FAULT, (present ? FAULT_PRESENT : 0) |
									(write ? FAULT_WRITE : 0));
		exception->address = address;
		return NULL;
	}
	/* A device's memory, which no instruction that is done here can use. */
	if (!range_within(walk.physical, *left, kernel->image->size)) {
		*exception = exception_with_code(VECTOR_PROTECTION, 0);
		return NULL;
	}
	mark(&walk, write);
	return kernel->memory + walk.physical;
}

bool space_read(struct kernel *kernel, uint64_t address, void *bytes, uint64_t size,
		struct exception *exception)
{
	for (uint64_t done = 0, part; done < size; done += part) {
		const uint8_t *from = find(kernel, address + done, false, &part, exception);
		if (!from)
			return false;
		part = part < size - done ? part : size - done;
		memcpy((uint8_t *)bytes + done, from, part);
	}
	return true;
}

bool space_read_code(struct kernel *kernel, uint64_t address, void *bytes, uint64_t size)
{
	struct walk first, last;
	struct exception exception;
	return walk_tables(kernel, address, &first) && first.executable &&
	       walk_tables(kernel, address + size - 1, &last) && last.executable &&
	       space_read(kernel, address, bytes, size, &exception);
}

uint8_t *space_memory(struct kernel *kernel, uint64_t physical, uint64_t length)
{
	if (!range_within(physical, length, kernel->start->memory))
		return NULL;
	/* Whoever writes to page tables here does what the kernel's account of them misses. To look
	 * at each page of a long range takes longer than to forget all translations. */
	if (kernel->frozen && !kernel->forget && length &&
	    (length > LOOKED_AT_MAX ||
	     frozen_tables_touch(kernel->frozen, round_down(physical, GUEST_PAGE_SIZE),
				 physical + length)))
		kernel->forget = true;
	return kernel->memory + physical;
}

/* The host's pointer to code within one page; NULL where it is none, or not in memory of the guest. */
static uint8_t *find_code(struct kernel *kernel, uint64_t address, uint64_t size)
{
	struct walk walk;
	return walk_tables(kernel, address, &walk) && walk.executable
		   ? space_memory(kernel, walk.physical, size)
		   : NULL;
}

/* The code may lie in the page tables that map it: all of it is found before any of it is written. */
bool space_write_code(struct kernel *kernel, uint64_t address, const void *bytes, uint64_t size)
{
	const uint64_t left = GUEST_PAGE_SIZE - address % GUEST_PAGE_SIZE;
	const uint64_t part = size < left ? size : left;
	if (size > GUEST_PAGE_SIZE)
		return false;
	uint8_t *first = find_code(kernel, address, part);
	uint8_t *second = part < size ? find_code(kernel, address + part, size - part) : first;
	if (!first || !second)
		return false;
	memcpy(first, bytes, part);
	memcpy(second, (const uint8_t *)bytes + part, size - part);
	return true;
}

bool space_maps_as_it_is(const struct kernel *kernel, uint64_t address, bool execute)
{
	struct walk walk;
	return walk_tables(kernel, address, &walk) && walk.physical == address &&
	       (execute ? walk.executable : walk.writable);
}

bool space_write(struct kernel *kernel, uint64_t address, const void *bytes, uint64_t size,
		 struct exception *exception)
{
	for (uint64_t done = 0, part; done < size; done += part) {
		uint8_t *to = find(kernel, address + done, true, &part, exception);
		if (!to)
			return false;
		part = part < size - done ? part : size - done;
		memcpy(to, (const uint8_t *)bytes + done, part);
	}
	return true;
}

uint64_t space_reach(struct kernel *kernel, uint64_t address, uint64_t size, bool write,
		     struct exception *exception)
{
	uint64_t done = 0;
	for (uint64_t part; done < size; done += part)
		if (!find(kernel, address + done, write, &part, exception))
			break;
	return done < size ? done : size;
}

bool space_find_device(struct kernel *kernel, uint64_t address, uint64_t size, uint64_t *physical)
{
	struct walk walk;
	if (!address_is_canonical(address) || size > GUEST_PAGE_SIZE - address % GUEST_PAGE_SIZE ||
	    !walk_tables(kernel, address, &walk) || !may_write(kernel, &walk) ||
	    walk.physical < kernel->image->size)
		return false;
	mark(&walk, true);
	*physical = walk.physical;
	return true;
}

/* ── rights that the guest has not given ─────────────────────────────────────────────────────── */

int space_nudge(uint8_t *memory, uint64_t physical, uint64_t length)
{
	if (mprotect(memory + physical, length, PROT_READ) ||
	    mprotect(memory + physical, length, PROT_READ | PROT_WRITE))
		return errno;
	return 0;
}

static void take_back_one(struct kernel *kernel, const struct lent_entry *lent)
{
	uint64_t *entry = (uint64_t *)(kernel->memory + lent->physical);
	int result = 0;
	/* The guest may have put another entry there meanwhile. */
	if ((*entry & ~ENTRY_CHANGING) != lent->value)
		return;
	*entry &= ~ENTRY_WRITABLE;
	if (!lent->length)
		result = space_nudge(kernel->memory, 0, kernel->image->size);
	else if (range_within(lent->address, lent->length, kernel->image->size))
		result = space_nudge(kernel->memory, lent->address, lent->length);
	if (result)
		kernel->stale = result;
}

void space_take_back(struct kernel *kernel)
{
	struct deprivileged *self = kernel->deprivileged;
	for (size_t i = 0; i < self->lent_count; i++)
		take_back_one(kernel, &self->lent[i]);
	self->lent_count = 0;
}

void space_forget_lent(struct kernel *kernel)
{
	kernel->deprivileged->lent_count = 0;
}

/* The right to write, on all levels where it is missing. */
static void lend(struct kernel *kernel, const struct walk *walk)
{
	struct deprivileged *self = kernel->deprivileged;
	if (self->lent_count > LENT_MAX - (LEVEL_ROOT + 1))
		space_take_back(kernel);
	for (int level = LEVEL_ROOT; level >= walk->level; level--) {
		uint64_t *entry = walk->entries[level];
		const uint64_t size = level == walk->level ? leaf_size(level) : 0;
		if (*entry & ENTRY_WRITABLE)
			continue;
		*entry |= ENTRY_WRITABLE;
		self->lent[self->lent_count++] = (struct lent_entry){
		    .physical = (uint64_t)((uint8_t *)entry - kernel->memory),
		    .value = *entry & ~ENTRY_CHANGING,
		    .address = round_down(walk->physical, leaf_size(walk->level)),
		    .length = size,
		};
	}
}

/* Opens a page to ring 3, and its neighbours, as each fault costs 20 µs. */
static void open_page(struct walk *walk)
{
	uint64_t *leaf = walk->entries[walk->level];
	uint64_t *table = (uint64_t *)round_down((uintptr_t)leaf, GUEST_PAGE_SIZE);
	for (int level = LEVEL_ROOT; level > walk->level; level--)
		*walk->entries[level] |= ENTRY_USER;
	for (size_t i = 0; i < PAGE_ENTRIES; i++)
		if (table[i] & ENTRY_PRESENT && is_leaf(table[i], walk->level))
			table[i] |= ENTRY_USER;
}

/* ── pages of ours ───────────────────────────────────────────────────────────────────────────── */

/* A page behind the guest's memory; 0 where there are no more. */
static uint64_t own_page(struct kernel *kernel)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	const uint64_t physical = kernel->start->memory + cpu->own_used;
	if (!range_within(physical, SPACE_TOUCH_SIZE + GUEST_PAGE_SIZE, kernel->image->size))
		return 0;
	cpu->own_used += GUEST_PAGE_SIZE;
	return physical;
}

/* PVM has no pages of 1 GiB: it takes their bit for a reserved one. */
static enum space_mending split(struct kernel *kernel, uint64_t *leaf)
{
	const uint64_t page = own_page(kernel), size = leaf_size(1), entry = *leaf;
	uint64_t *table = (uint64_t *)(kernel->memory + page);
	if (!page)
		return SPACE_FULL;
	for (uint64_t i = 0; i < PAGE_ENTRIES; i++)
		table[i] = (entry | ENTRY_USER) + i * size;
	*leaf = page | ENTRY_TABLE;
	return SPACE_MENDED;
}

/* Maps a page as it is, where the guest maps nothing, with tables of ours where it has none. */
static enum space_mending map_page(struct kernel *kernel, uint64_t address)
{
	uint64_t *table = table_of(kernel, kernel_cpu(kernel)->cr3);
	for (int level = LEVEL_ROOT; level > 0 && table; level--) {
		uint64_t *entry = &table[page_entry_index(address, level)];
		if (!(*entry & ENTRY_PRESENT)) {
			const uint64_t page = own_page(kernel);
			if (!page)
				return SPACE_FULL;
			memset(kernel->memory + page, 0, GUEST_PAGE_SIZE);
			*entry = page | ENTRY_TABLE;
		} else if (is_leaf(*entry, level)) {
			return SPACE_GUEST;
		}
		table = table_of(kernel, *entry);
	}
	if (!table)
		return SPACE_GUEST;
	table[page_entry_index(address, 0)] =
	    round_down(address, GUEST_PAGE_SIZE) | ENTRY_TABLE | ENTRY_DIRTY;
	return SPACE_MENDED;
}

/* Code that was rewritten jumps to stubs there (flags.h), in whatever tables it runs. */
static bool is_flags_page(const struct kernel *kernel, uint64_t address)
{
	const uint64_t first = kernel->start->flags_page;
	return first && address >= first && address - first < KERNEL_FLAGS_SIZE;
}

/* The guest may have mapped these pages as they are, for what a PC has there, which is no code: then they get
 * the rights that stubs need. Where it has mapped something else there, or more than this page, the fault
 * is the guest's. */
static enum space_mending mend_flags_page(struct kernel *kernel, uint64_t address)
{
	struct walk walk;
	if (!walk_tables(kernel, address, &walk))
		return map_page(kernel, address);
	if (walk.level || walk.physical != address || (walk.writable && walk.executable))
		return SPACE_GUEST;
	*walk.entries[0] = (*walk.entries[0] | ENTRY_WRITABLE | ENTRY_USER) & ~ENTRY_NO_EXECUTE;
	space_flush(kernel);
	/* A table above may forbid it, too. */
	return walk_tables(kernel, address, &walk) && walk.writable && walk.executable
		   ? SPACE_MENDED
		   : SPACE_GUEST;
}

/* ── faults and loads ────────────────────────────────────────────────────────────────────────── */

enum space_mending space_mend(struct kernel *kernel, uint64_t address, uint32_t code)
{
	struct walk walk;
	if (is_flags_page(kernel, address)) {
		const enum space_mending mending = mend_flags_page(kernel, address);
		if (mending != SPACE_GUEST)
			return mending;
	}
	if (!(code & FAULT_PRESENT) || !walk_tables(kernel, address, &walk))
		return SPACE_GUEST;
	if (code & FAULT_RESERVED)
		return walk.level == LEVEL_HUGE ? split(kernel, walk.entries[LEVEL_HUGE])
						: SPACE_GUEST;
	if ((code & FAULT_WRITE && !may_write(kernel, &walk)) ||
	    (code & FAULT_FETCH && !walk.executable))
		return SPACE_GUEST;
	const bool lends = code & FAULT_WRITE && !walk.writable;
	if (walk.user && !lends)
		return SPACE_GUEST;
	if (lends)
		lend(kernel, &walk);
	open_page(&walk);
	return SPACE_MENDED;
}

/* A tree may be a circle: the budget ends it. */
static void open_tables(struct kernel *kernel, uint64_t entry, int level, unsigned *budget)
{
	uint64_t *table = table_of(kernel, entry);
	if (!table || !*budget)
		return;
	--*budget;
	for (size_t i = 0; i < PAGE_ENTRIES; i++) {
		if (!(table[i] & ENTRY_PRESENT))
			continue;
		if (!(table[i] & ENTRY_USER))
			table[i] |= ENTRY_USER;
		if (!is_leaf(table[i], level))
			open_tables(kernel, table[i], level - 1, budget);
	}
}

bool space_has_root(const struct kernel *kernel)
{
	return space_root(kernel) != NULL;
}

const uint64_t *space_root(const struct kernel *kernel)
{
	return table_of(kernel, kernel_cpu(kernel)->cr3);
}

bool space_may_read(const struct kernel *kernel, uint64_t address)
{
	struct walk walk;
	return walk_tables(kernel, address, &walk) && walk.user &&
	       walk.physical < kernel->start->memory;
}

/* Kernels load CR3 again and again, some of them to forget translations. To look at all tables takes more
 * than 1 µs for each; what is new in a tree is opened as it is touched. */
static bool was_opened(struct deprivileged *self)
{
	const uint64_t root = (self->cpu.cr3 & ENTRY_ADDRESS) | 1;
	for (size_t i = 0; i < OPENED_MAX; i++)
		if (self->opened[i] == root)
			return true;
	self->opened[self->opened_next++ % OPENED_MAX] = root;
	return false;
}

void space_load(struct kernel *kernel)
{
	unsigned budget = TABLES_OPENED_MAX;
	if (!was_opened(kernel->deprivileged))
		open_tables(kernel, kernel_cpu(kernel)->cr3, LEVEL_ROOT, &budget);
	space_flush(kernel);
}

void space_flush(struct kernel *kernel)
{
	/* Another CR4 makes KVM look at all tables again that the guest has written to; DE makes no
	 * difference to a guest of ring 3. */
	kernel_sregs(kernel)->cr4 ^= CR4_DE;
	kernel_sregs_changed(kernel);
	kernel->forget = true;
}
