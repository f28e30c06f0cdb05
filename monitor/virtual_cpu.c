/* The x86-64 machine that a native guest sees under KVM; see virtual_cpu.h. */
#include "virtual_cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "page_entries.h"
#include "util/cleanup.h"

/* The system pages. */
#define GDT_OFFSET	   0x0000UL
#define TSS_OFFSET	   0x1000UL
#define IDT_OFFSET	   0x2000UL
#define STUBS_OFFSET	   0x3000UL
#define STACK_OFFSET	   0x4000UL /* ring-0 stack of the exception stubs: one page */
#define SYSTEM_SUPERVISOR  0x5000UL /* pages up to here are ring 0's */
#define HYPERCALL_OFFSET   0x5000UL
#define SYSTEM_ADDRESS(at) (GUEST_SYSTEM_BASE + (at))

#define SELECTOR_KERNEL_CODE 0x10
#define SELECTOR_USER_DATA   0x2b
#define SELECTOR_USER_CODE   0x33
#define SELECTOR_TSS	     0x40

#define TSS_BITMAP_OFFSET 0x68
#define TSS_BITMAP_SIZE	  ((VIRTUAL_CPU_PORT_EXCEPTION + VIRTUAL_CPU_EXCEPTIONS) / 8 + 1)
#define TSS_LIMIT	  (TSS_BITMAP_OFFSET + TSS_BITMAP_SIZE - 1)

#define STUB_SIZE 16

#define SHRUNK_RUNS_MAX 32 /* that are forgotten one by one */

/* ── page tables ─────────────────────────────────────────────────────────────────────────────── */

static uint64_t leaf_bits(uint32_t protection, bool user)
{
	return page_leaf_bits(protection) & ~(user ? 0 : ENTRY_USER);
}

struct table_builder {
	struct image *image;
	uint64_t next; /* offset of the next free page-table page */
};

/* Sets the entry for `address` in a table of `lowest` level: 0 for a page, 1 for a large one. */
static int map_page(struct table_builder *builder, uint64_t address, int lowest, uint64_t leaf,
		    struct error *error)
{
	struct image *image = builder->image;
	uint64_t *table = (uint64_t *)(image->memory + image->page_tables);
	for (int level = 3; level > lowest; level--) {
		uint64_t *entry = &table[page_entry_index(address, level)];
		if (!(*entry & ENTRY_PRESENT)) {
			if (builder->next >= image->page_tables + image->page_tables_size)
				return error_set(error, ENOMEM, "too few page-table pages");
			*entry = builder->next | ENTRY_TABLE;
			builder->next += GUEST_PAGE_SIZE;
		}
		table = (uint64_t *)(image->memory + (*entry & ENTRY_ADDRESS));
	}
	table[page_entry_index(address, lowest)] = leaf;
	return 0;
}

static int map_range(struct table_builder *builder, uint64_t address, uint64_t physical,
		     uint64_t length, uint64_t bits, struct error *error)
{
	for (uint64_t done = 0; done < length; done += GUEST_PAGE_SIZE) {
		int result = map_page(builder, address + done, 0, (physical + done) | bits, error);
		if (result)
			return result;
	}
	return 0;
}

/* The root image in large pages, as far as it fills them: where the page cache has it in such, one
 * fault gives the guest 2 MiB of it. Under PVM that is one of 25 µs instead of 512. */
static int map_root(struct table_builder *builder, struct error *error)
{
	const uint64_t size = builder->image->root_size;
	const uint64_t bits = leaf_bits(GUEST_READ, true);
	uint64_t done = 0;
	for (; size - done >= IMAGE_LARGE_PAGE; done += IMAGE_LARGE_PAGE) {
		const uint64_t leaf = (VIRTUAL_CPU_ROOT_PHYSICAL + done) | bits | ENTRY_LARGE;
		int result = map_page(builder, GUEST_ROOT_BASE + done, 1, leaf, error);
		if (result)
			return result;
	}
	return map_range(builder, GUEST_ROOT_BASE + done, VIRTUAL_CPU_ROOT_PHYSICAL + done,
			 size - done, bits, error);
}

static int build_page_tables(struct image *image, struct error *error)
{
	struct table_builder builder = {image, image->page_tables + GUEST_PAGE_SIZE};
	int result = 0;
	for (size_t i = 0; i < image->region_count && !result; i++) {
		const struct image_region *region = &image->regions[i];
		result = map_range(&builder, region->address, region->offset, region->length,
				   leaf_bits(region->protection, true), error);
	}
	if (!result)
		result = map_range(&builder, GUEST_WINDOW_BASE, VIRTUAL_CPU_WINDOW_PHYSICAL,
				   WINDOW_SIZE, leaf_bits(GUEST_READ | GUEST_WRITE, true), error);
	if (!result)
		result = map_root(&builder, error);
	if (!result)
		result = map_range(&builder, GUEST_HYPERCALL, HYPERCALL_OFFSET, GUEST_PAGE_SIZE,
				   leaf_bits(GUEST_READ | GUEST_EXECUTE, true), error);
	if (!result)
		result =
		    map_range(&builder, GUEST_SYSTEM_BASE, IMAGE_SYSTEM_OFFSET, SYSTEM_SUPERVISOR,
			      leaf_bits(GUEST_READ | GUEST_WRITE | GUEST_EXECUTE, false), error);
	return result;
}

/* Entry `after` of a leaf page table allows less than `before`, or another page. */
static bool entry_shrinks(uint64_t before, uint64_t after)
{
	if (!(before & ENTRY_PRESENT))
		return false;
	return !(after & ENTRY_PRESENT) || ((before ^ after) & ENTRY_ADDRESS) ||
	       ((before & ENTRY_WRITABLE) && !(after & ENTRY_WRITABLE)) ||
	       (!(before & ENTRY_NO_EXECUTE) && (after & ENTRY_NO_EXECUTE));
}

/* Gathers neighbours, as forgetting a range costs hardly more than forgetting a page; and after
 * many runs all that lies between them, so that no guest makes its monitor busy for long. */
void virtual_cpu_note_shrunk(struct virtual_cpu_shrunk *shrunk, uint64_t physical)
{
	struct virtual_cpu_hull *hull = &shrunk->hulls[physical >= VIRTUAL_CPU_ROOT_PHYSICAL];
	const uint64_t end = physical + GUEST_PAGE_SIZE;
	if (physical != hull->end && hull->start < hull->end && shrunk->runs < SHRUNK_RUNS_MAX) {
		shrunk->forget(shrunk->context, hull->start, hull->end - hull->start);
		shrunk->runs++;
		hull->start = hull->end = 0;
	}
	if (hull->start == hull->end || physical < hull->start)
		hull->start = physical;
	if (end > hull->end)
		hull->end = end;
}

void virtual_cpu_flush_shrunk(struct virtual_cpu_shrunk *shrunk)
{
	for (size_t i = 0; i < 2; i++) {
		struct virtual_cpu_hull *hull = &shrunk->hulls[i];
		if (hull->start < hull->end)
			shrunk->forget(shrunk->context, hull->start, hull->end - hull->start);
		hull->start = hull->end = 0;
	}
}

int virtual_cpu_protect(uint8_t *memory, uint64_t address, uint64_t length, uint32_t protection,
			struct virtual_cpu_shrunk *shrunk)
{
	int result = 0;
	for (uint64_t at = address; at < address + length; at += GUEST_PAGE_SIZE) {
		uint64_t *leaf = page_find_leaf(memory, at);
		if (!leaf || !(*leaf & ENTRY_MAPPED)) {
			result = -ENOMEM;
			break;
		}
		uint64_t before = *leaf;
		if ((before & ENTRY_ADDRESS) >= VIRTUAL_CPU_ROOT_PHYSICAL &&
		    (protection & GUEST_WRITE)) {
			result = -EACCES;
			break;
		}
		uint64_t after =
		    (before & (ENTRY_ADDRESS | ENTRY_AREA)) | page_leaf_bits(protection);
		if (before == after)
			continue;
		*leaf = after;
		if (shrunk && entry_shrinks(before, after))
			virtual_cpu_note_shrunk(shrunk, before & ENTRY_ADDRESS);
	}
	if (shrunk)
		virtual_cpu_flush_shrunk(shrunk);
	return result;
}

void virtual_cpu_restore_table(void *table, const void *original, struct virtual_cpu_shrunk *shrunk)
{
	uint64_t *now = table;
	const uint64_t *then = original;
	for (size_t i = 0; i < PAGE_ENTRIES; i++) {
		uint64_t before = now[i];
		/* A table that was added stays (page_area.h); its own entries go. */
		if (!then[i] && (before & ENTRY_PRESENT) && !(before & ENTRY_MAPPED))
			continue;
		now[i] = then[i];
		if (entry_shrinks(before, then[i]))
			virtual_cpu_note_shrunk(shrunk, before & ENTRY_ADDRESS);
	}
}

uint64_t virtual_cpu_protection_run(const uint8_t *memory, uint64_t address, uint64_t end,
				    uint32_t *protection)
{
	uint64_t at = address;
	while (at < end) {
		const uint64_t *leaf = page_find_leaf(memory, at);
		/* The rest of this leaf table, which covers 2 MiB. */
		size_t count = PAGE_ENTRIES - page_entry_index(at, 0);
		for (size_t i = 0; i < count && at < end; i++, at += GUEST_PAGE_SIZE) {
			uint32_t here = leaf ? page_leaf_protection(leaf[i]) : 0;
			if (at == address)
				*protection = here;
			else if (here != *protection)
				return at;
		}
	}
	return end;
}

/* ── descriptor tables and stubs (SDM 3A, 3.4.5 and 6.14) ────────────────────────────────────── */

static void build_descriptors(uint8_t *memory)
{
	uint64_t *gdt = (uint64_t *)(memory + GDT_OFFSET);
	uint64_t tss = SYSTEM_ADDRESS(TSS_OFFSET);
	/* Accessed bits are set already, so that loading a selector writes nothing. */
	gdt[2] = 0x00af9b000000ffffUL; /* 0x10: ring-0 code, 64 bits */
	gdt[3] = 0x00cf93000000ffffUL; /* 0x18: ring-0 data */
	gdt[5] = 0x00cff3000000ffffUL; /* 0x2b: ring-3 data */
	gdt[6] = 0x00affb000000ffffUL; /* 0x33: ring-3 code, 64 bits; there is none of 32 bits */
	gdt[8] = TSS_LIMIT | (tss & 0xffffff) << 16 | 0x8bUL << 40 | (tss >> 24 & 0xff) << 56;
	gdt[9] = tss >> 32;

	uint8_t *segment = memory + TSS_OFFSET;
	uint64_t stack_top = SYSTEM_ADDRESS(STACK_OFFSET + GUEST_PAGE_SIZE);
	uint16_t bitmap = TSS_BITMAP_OFFSET;
	memcpy(segment + 4, &stack_top, sizeof(stack_top)); /* RSP0 */
	memcpy(segment + 0x66, &bitmap, sizeof(bitmap));
	/* All ports but the hypercall's are refused, the stubs' too: ring 0 asks nobody. Where IOPL
	 * counts for more than this bitmap, the monitor refuses (isolation_kvm.c). The last byte is
	 * all ones. */
	memset(segment + TSS_BITMAP_OFFSET, 0xff, TSS_BITMAP_SIZE);
	uint8_t *allowed = segment + TSS_BITMAP_OFFSET;
	for (int width = 0; width < 4; width++) /* OUT of 32 bits touches four ports */
		allowed[(VIRTUAL_CPU_PORT_HYPERCALL + width) / 8] &=
		    (uint8_t) ~(1 << (VIRTUAL_CPU_PORT_HYPERCALL + width) % 8);

	uint64_t *idt = (uint64_t *)(memory + IDT_OFFSET);
	for (uint64_t vector = 0; vector < VIRTUAL_CPU_EXCEPTIONS; vector++) {
		uint64_t handler = SYSTEM_ADDRESS(STUBS_OFFSET + vector * STUB_SIZE);
		/* 0x8e: interrupt gate, present, not callable by INT n from ring 3; #BP and #OF
		 * are, as INT3 and INTO are the program's to use. */
		uint64_t type = vector == 3 || vector == 4 ? 0xee : 0x8e;
		idt[2 * vector] = (handler & 0xffff) | SELECTOR_KERNEL_CODE << 16 | type << 40 |
				  (handler >> 16 & 0xffff) << 48;
		idt[2 * vector + 1] = handler >> 32;
		/* out %al, $port; hlt */
		uint8_t stub[] = {0xe6, (uint8_t)(VIRTUAL_CPU_PORT_EXCEPTION + vector), 0xf4};
		memcpy(memory + STUBS_OFFSET + vector * STUB_SIZE, stub, sizeof(stub));
	}
	/* out %eax, $port; ret */
	const uint8_t hypercall[] = {0xe7, VIRTUAL_CPU_PORT_HYPERCALL, 0xc3};
	memcpy(memory + HYPERCALL_OFFSET, hypercall, sizeof(hypercall));
	/* 1: lods; movzbl (%rax), %eax; loop 1b; out %eax, $port; hlt */
	const uint8_t touch[] = {
	    0x48, 0xad, 0x0f, 0xb6, 0x00, 0xe2, 0xf9, 0xe7, VIRTUAL_CPU_PORT_HYPERCALL, 0xf4};
	memcpy(memory + HYPERCALL_OFFSET + (VIRTUAL_CPU_TOUCH - GUEST_HYPERCALL), touch,
	       sizeof(touch));
}

int virtual_cpu_prepare(struct image *image, struct error *error)
{
	build_descriptors(image->memory + IMAGE_SYSTEM_OFFSET);
	return build_page_tables(image, error);
}

/* ── images from outside ─────────────────────────────────────────────────────────────────────── */

struct table_check {
	const struct image *image;
	uint8_t *seen;	/* one byte for each page-table page: it is part of the tree already */
	uint8_t *moved; /* one for each page of the pool: it is in the mapping area */
};

/* A page of the pool that is in the mapping area is there once, and not at its place. */
static bool moved_page_is_sound(struct table_check *check, uint64_t physical)
{
	const struct image_region *pool = image_region_at(check->image, GUEST_POOL_BASE);
	if (!pool || physical < pool->offset || physical - pool->offset >= pool->length)
		return false;
	const uint64_t index = (physical - pool->offset) / GUEST_PAGE_SIZE;
	const uint64_t *home =
	    page_find_leaf(check->image->memory, pool->address + index * GUEST_PAGE_SIZE);
	if (check->moved[index] || !home || *home != ENTRY_MOVED)
		return false;
	check->moved[index] = 1;
	return true;
}

/* The mapping area has pages that were moved there, and pages of the root image, to be read. */
static bool area_page_is_sound(struct table_check *check, uint64_t address, uint64_t leaf)
{
	const struct image *image = check->image;
	const uint64_t physical = leaf & ENTRY_ADDRESS;
	if (address < GUEST_AREA_BASE || address >= GUEST_AREA_END ||
	    image_region_at(image, address))
		return false;
	if (physical >= VIRTUAL_CPU_ROOT_PHYSICAL)
		return physical - VIRTUAL_CPU_ROOT_PHYSICAL < image->root_size &&
		       !(leaf & ENTRY_WRITABLE);
	return moved_page_is_sound(check, physical);
}

/* Where the page at guest-virtual `address` may lie. */
static bool leaf_place_is_sound(struct table_check *check, uint64_t address, uint64_t leaf)
{
	const struct image *image = check->image;
	const uint64_t physical = leaf & ENTRY_ADDRESS;
	if (address >= GUEST_ROOT_BASE)
		return address - GUEST_ROOT_BASE < image->root_size && leaf & ENTRY_USER &&
		       physical == VIRTUAL_CPU_ROOT_PHYSICAL + (address - GUEST_ROOT_BASE);
	if (address >= GUEST_SYSTEM_BASE)
		return !(leaf & ENTRY_USER) && address < SYSTEM_ADDRESS(SYSTEM_SUPERVISOR) &&
		       physical == IMAGE_SYSTEM_OFFSET + (address - GUEST_SYSTEM_BASE);
	if (!(leaf & ENTRY_USER) && (leaf & ENTRY_PRESENT))
		return false;
	if (address == GUEST_HYPERCALL)
		return physical == HYPERCALL_OFFSET && !(leaf & ENTRY_WRITABLE);
	if (address >= GUEST_WINDOW_BASE && address < GUEST_WINDOW_BASE + WINDOW_SIZE)
		return physical == VIRTUAL_CPU_WINDOW_PHYSICAL + (address - GUEST_WINDOW_BASE);
	if (leaf & ENTRY_AREA)
		return area_page_is_sound(check, address, leaf);
	const struct image_region *region = image_region_at(image, address);
	return region && physical == region->offset + (address - region->address);
}

static bool leaf_is_sound(struct table_check *check, uint64_t address, uint64_t leaf)
{
	const uint64_t known = ENTRY_TABLE | ENTRY_DIRTY | ENTRY_MAPPED | ENTRY_AREA |
			       ENTRY_NO_EXECUTE | ENTRY_ADDRESS;
	/* Nothing, or the place of a page that is in the mapping area: looked at above. */
	if (!leaf || leaf == ENTRY_MOVED)
		return true;
	if (!(leaf & ENTRY_MAPPED) || leaf & ~known || !leaf_place_is_sound(check, address, leaf))
		return false;
	if (address >= GUEST_ROOT_BASE)
		return !(leaf & ENTRY_WRITABLE) && leaf & ENTRY_NO_EXECUTE;
	return address >= GUEST_SYSTEM_BASE || !(leaf & ENTRY_WRITABLE) ||
	       (leaf & ENTRY_NO_EXECUTE);
}

/* Large pages show the root image where it belongs, whole and to be read, and nothing else. */
static bool large_page_is_sound(const struct table_check *check, uint64_t address, uint64_t entry)
{
	const uint64_t size = check->image->root_size, offset = address - GUEST_ROOT_BASE;
	const uint64_t wanted =
	    (VIRTUAL_CPU_ROOT_PHYSICAL + offset) | leaf_bits(GUEST_READ, true) | ENTRY_LARGE;
	return address >= GUEST_ROOT_BASE && size >= IMAGE_LARGE_PAGE &&
	       offset <= size - IMAGE_LARGE_PAGE && (entry | ENTRY_ACCESSED) == wanted;
}

/* Each page of tables may be used once, so that the tree is walked in bounded time. */
static bool table_is_sound(struct table_check *check, uint64_t table, int level, uint64_t address)
{
	const uint64_t known = ENTRY_TABLE | ENTRY_DIRTY | ENTRY_ADDRESS;
	const struct image *image = check->image;
	if (table < image->page_tables || table >= image->page_tables + image->page_tables_size)
		return false;
	uint8_t *seen = &check->seen[(table - image->page_tables) / GUEST_PAGE_SIZE];
	if (*seen)
		return false;
	*seen = 1;
	const uint64_t *entries = (const uint64_t *)(image->memory + table);
	for (uint64_t i = 0; i < PAGE_ENTRIES; i++) {
		const uint64_t entry = entries[i], below = address | i << (12 + 9 * level);
		if (level == 0 && !leaf_is_sound(check, below, entry))
			return false;
		if (level == 0 || !(entry & ENTRY_PRESENT))
			continue;
		if (level == 1 && entry & ENTRY_LARGE) {
			if (!large_page_is_sound(check, below, entry))
				return false;
			continue;
		}
		if (entry & ~known ||
		    !table_is_sound(check, entry & ENTRY_ADDRESS, level - 1, below))
			return false;
	}
	return true;
}

/* Pages that are no tables yet become some as they are (page_area.h). */
static bool spare_tables_are_zero(const struct table_check *check)
{
	static const uint8_t zeros[GUEST_PAGE_SIZE];
	const struct image *image = check->image;
	for (uint64_t at = 0; at < image->page_tables_size; at += GUEST_PAGE_SIZE)
		if (!check->seen[at / GUEST_PAGE_SIZE] &&
		    memcmp(image->memory + image->page_tables + at, zeros, sizeof(zeros)) != 0)
			return false;
	return true;
}

int virtual_cpu_check(const struct image *image, struct error *error)
{
	cleanup_free uint8_t *expected = calloc(1, IMAGE_SYSTEM_SIZE);
	cleanup_free uint8_t *seen = calloc(image->page_tables_size / GUEST_PAGE_SIZE, 1);
	cleanup_free uint8_t *moved = calloc(image->size / GUEST_PAGE_SIZE, 1);
	if (!expected || !seen || !moved)
		return error_set(error, ENOMEM, "no memory to check page tables");
	build_descriptors(expected);
	const uint8_t *system = image->memory + IMAGE_SYSTEM_OFFSET;
	/* All but the stubs' stack. */
	if (memcmp(system, expected, STACK_OFFSET) != 0 ||
	    memcmp(system + HYPERCALL_OFFSET, expected + HYPERCALL_OFFSET, GUEST_PAGE_SIZE) != 0)
		return error_set(error, EBADMSG, "the descriptor tables are not Mayfly's");
	struct table_check check = {image, seen, moved};
	if (!table_is_sound(&check, image->page_tables, 3, 0) || !spare_tables_are_zero(&check))
		return error_set(error, EBADMSG, "the page tables are not sound");
	return 0;
}

void virtual_cpu_system_registers(struct kvm_sregs *sregs)
{
	const struct kvm_segment code = {
	    .limit = 0xffffffff,
	    .selector = SELECTOR_USER_CODE,
	    .present = 1,
	    .type = 11, /* execute, read, accessed */
	    .dpl = 3,
	    .s = 1,
	    .l = 1,
	    .g = 1,
	};
	struct kvm_segment data = code;
	data.type = 3; /* read, write, accessed */
	data.selector = SELECTOR_USER_DATA;
	data.l = 0;
	data.db = 1;
	sregs->cs = code;
	sregs->ds = sregs->es = sregs->ss = data;
	sregs->fs = sregs->gs = data;
	sregs->tr = (struct kvm_segment){
	    .base = SYSTEM_ADDRESS(TSS_OFFSET),
	    .limit = TSS_LIMIT,
	    .selector = SELECTOR_TSS,
	    .present = 1,
	    .type = 11, /* busy 64-bit TSS */
	};
	sregs->gdt.base = SYSTEM_ADDRESS(GDT_OFFSET);
	sregs->gdt.limit = 10 * 8 - 1;
	sregs->idt.base = SYSTEM_ADDRESS(IDT_OFFSET);
	sregs->idt.limit = VIRTUAL_CPU_EXCEPTIONS * 16 - 1;
	sregs->cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
	sregs->cr3 = IMAGE_SYSTEM_OFFSET + IMAGE_SYSTEM_SIZE;
	sregs->cr4 = 0x50620; /* OSXSAVE FSGSBASE OSXMMEXCPT OSFXSR PAE */
	sregs->efer = 0xd01;  /* NXE LMA LME SCE */
}

void virtual_cpu_exception_frame(const uint8_t *memory, uint64_t size, uint64_t rsp,
				 struct guest_fault *fault)
{
	uint64_t frame[6];
	uint64_t offset = rsp - GUEST_SYSTEM_BASE;
	if (offset < STACK_OFFSET || offset > STACK_OFFSET + GUEST_PAGE_SIZE - 5 * sizeof(frame[0]))
		return;
	uint64_t words = (STACK_OFFSET + GUEST_PAGE_SIZE - offset) / 8;
	if (words > 6 || IMAGE_SYSTEM_OFFSET + offset + words * 8 > size)
		return;
	memcpy(frame, memory + IMAGE_SYSTEM_OFFSET + offset, words * 8);
	/* SS, RSP, RFLAGS, CS, RIP from the top down, and an error code for some vectors. */
	const uint64_t *pushed = frame;
	if (words == 6)
		fault->error_code = *pushed++;
	fault->rip = pushed[0];
	fault->rflags = pushed[2];
	fault->rsp = pushed[3];
}
