/* Touching pages of a deprivileged kernel in advance; see kernel_touch.h. */
#include "kernel_touch.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "deprivileged/address_space.h"
#include "deprivileged/state.h"
#include "monitor/memory/working_set.h"
#include "monitor/x86_64/page_entries.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define LEVEL_ROOT  3
#define ROOT_HALF   256 /* entries for addresses below 2^47 */
#define TABLES_MAX  4096
#define LIST_SIZE   (WORKING_SET_TOUCHED_MAX * sizeof(uint64_t))
#define TABLES_SIZE (4 * GUEST_PAGE_SIZE)

/* What lies in the last pages of the image (SPACE_TOUCH_SIZE), which is put there for one run. */
#define OFFSET_CODE TABLES_SIZE
#define OFFSET_LIST (OFFSET_CODE + GUEST_PAGE_SIZE)
_Static_assert(OFFSET_LIST + LIST_SIZE <= SPACE_TOUCH_SIZE, "it fits");

/* ── which pages ─────────────────────────────────────────────────────────────────────────────── */

struct visitor {
	const struct kernel *kernel;
	const struct touch_present *present;
	void (*found)(void *context, uint64_t address);
	void *context;
	unsigned budget; /* tables: a tree may be a circle */
};

static bool is_present(const struct touch_present *present, uint64_t physical)
{
	const uint64_t page = physical / GUEST_PAGE_SIZE;
	return page < present->pages && present->bits[page / 8] >> page % 8 & 1;
}

/* Pages of ours behind the guest's memory are left out: what is there is not the guest's to read. */
static void visit_leaf(struct visitor *self, uint64_t address, uint64_t physical, uint64_t size)
{
	const uint64_t memory = self->kernel->start->memory;
	for (uint64_t at = 0; at < size && physical + at < memory; at += GUEST_PAGE_SIZE)
		if (is_present(self->present, physical + at))
			self->found(self->context, address + at);
}

static void visit_table(struct visitor *self, uint64_t entry, int level, uint64_t address)
{
	const uint64_t physical = entry & ENTRY_ADDRESS, size = 1UL << (12 + 9 * level);
	if (!range_within(physical, GUEST_PAGE_SIZE, self->kernel->image->size) || !self->budget)
		return;
	self->budget--;
	const uint64_t *table = (const uint64_t *)(self->kernel->image->memory + physical);
	for (uint64_t i = 0; i < PAGE_ENTRIES; i++) {
		uint64_t below = address | i * size;
		if (!(table[i] & ENTRY_PRESENT) || !(table[i] & ENTRY_ACCESSED))
			continue;
		if (level == LEVEL_ROOT && i >= ROOT_HALF)
			below |= ~0UL << 48;
		if (!level || (level < LEVEL_ROOT && table[i] & ENTRY_LARGE))
			visit_leaf(self, below, table[i] & ENTRY_ADDRESS & ~(size - 1), size);
		else
			visit_table(self, table[i], level - 1, below);
	}
}

void touch_find(const struct kernel *kernel, const struct touch_present *present,
		void (*found)(void *context, uint64_t address), void *context)
{
	struct visitor visitor = {
	    .kernel = kernel,
	    .present = present,
	    .found = found,
	    .context = context,
	    .budget = TABLES_MAX,
	};
	visit_table(&visitor, deprivileged_state_tables(kernel->state), LEVEL_ROOT, 0);
}

/* ── touching them ───────────────────────────────────────────────────────────────────────────── */

/* An entry of the guest's root that it does not use; 0: it uses all. */
static uint64_t free_entry(const uint64_t *root)
{
	for (uint64_t i = ROOT_HALF - 1; i > 0; i--)
		if (!(root[i] & ENTRY_PRESENT))
			return i;
	return 0;
}

/* Tables, code and list: *base is the address of the code. Returns how long the list is. */
static size_t build(struct kernel *kernel, uint8_t *own, const uint64_t *addresses, size_t count,
		    uint64_t *base)
{
	/* 1: lods; movzbl (%rax), %eax; loop 1b; ud2 */
	static const uint8_t code[] = {0x48, 0xad, 0x0f, 0xb6, 0x00, 0xe2, 0xf9, 0x0f, 0x0b};
	const uint64_t physical = (uint64_t)(own - kernel->memory);
	uint64_t(*tables)[PAGE_ENTRIES] = (uint64_t(*)[PAGE_ENTRIES])own;
	uint64_t *list = (uint64_t *)(own + OFFSET_LIST);
	size_t length = 0;
	for (size_t i = 0; i < count && i < WORKING_SET_TOUCHED_MAX; i++)
		if (space_may_read(kernel, addresses[i]))
			list[length++] = addresses[i];
	memcpy(tables[0], space_root(kernel), GUEST_PAGE_SIZE);
	const uint64_t entry = free_entry(tables[0]);
	if (!entry)
		return 0;
	*base = entry << 39;
	tables[0][entry] = (physical + GUEST_PAGE_SIZE) | ENTRY_TABLE;
	tables[1][0] = (physical + 2 * GUEST_PAGE_SIZE) | ENTRY_TABLE;
	tables[2][0] = (physical + 3 * GUEST_PAGE_SIZE) | ENTRY_TABLE;
	for (uint64_t at = OFFSET_CODE; at < OFFSET_LIST + LIST_SIZE; at += GUEST_PAGE_SIZE)
		tables[3][(at - OFFSET_CODE) / GUEST_PAGE_SIZE] =
		    (physical + at) | ENTRY_TABLE | ENTRY_DIRTY;
	memcpy(own + OFFSET_CODE, code, sizeof(code));
	return length;
}

/* *good: it ended by the trap behind the list, or by a fault before. */
static int run(struct kernel *kernel, uint64_t until_ns, bool *good, struct error *error)
{
	struct kvm_run *run = kernel->vcpu->run;
	*good = false;
	int result = deadline_arm(kernel->deadline, until_ns, error);
	while (!result && ioctl(kernel->vcpu->fd, KVM_RUN, 0)) {
		if (errno != EINTR && errno != EAGAIN)
			return error_set_errno(error, errno, "KVM_RUN failed");
		run->immediate_exit = 0;
		if (clock_now_ns() >= until_ns)
			return 0;
		result = deadline_arm(kernel->deadline, until_ns, error);
	}
	*good = !result && run->exit_reason == KVM_EXIT_SHUTDOWN;
	return result;
}

/* The guest has no tables in the pages that are for this. */
static bool is_free(const struct kernel *kernel)
{
	const uint64_t size = kernel->image->size, root = kernel_cpu(kernel)->cr3 & ENTRY_ADDRESS;
	return range_within(kernel->start->memory, kernel_cpu(kernel)->own_used + SPACE_TOUCH_SIZE,
			    size) &&
	       root < size - SPACE_TOUCH_SIZE;
}

int touch_pages(struct kernel *kernel, const uint64_t *addresses, size_t count, uint64_t until_ns,
		bool *good, struct error *error)
{
	uint8_t *own = kernel->memory + kernel->image->size - SPACE_TOUCH_SIZE;
	uint64_t base = 0;
	*good = true;
	if (!kernel->state)
		return 0;
	int result = deprivileged_restore(kernel, kernel->state, error);
	if (result || !space_has_root(kernel) || !is_free(kernel))
		return result;
	const size_t length = build(kernel, own, addresses, count, &base);
	if (length) {
		kernel_sregs(kernel)->cr3 = (uint64_t)(own - kernel->memory);
		*kernel_regs(kernel) = (struct kvm_regs){
		    .rip = base,
		    .rsi = base + OFFSET_LIST - OFFSET_CODE,
		    .rcx = length,
		    .rflags = FLAG_FIXED,
		};
		result = run(kernel, until_ns, good, error);
	}
	if (!result && madvise(own, SPACE_TOUCH_SIZE, MADV_DONTNEED))
		result = error_set_errno(error, errno, "cannot take pages from a kernel");
	return result;
}
