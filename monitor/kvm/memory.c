/* The memory of a virtual machine: what its guest may do with it, and the way back; see
 * machine.h.
 *
 * A reset copies the pages that were written back from the image, because a page that is dropped
 * costs 15 µs of faults at the next request and a copied one 0.3 µs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"
#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"
#include "monitor/memory/working_set.h"
#include "monitor/memory/written_pages.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* A request that wrote more than this is reset by dropping its pages, so that one large request
 * does not make the slot large for ever. */
#define COPIED_BACK_MAX (32UL << 20)

/* Bytes mapped at once: twice what the library OS begins with, and what it ends with. */
#define POPULATED_MIN (32 * GUEST_PAGE_SIZE)
#define POPULATED_MAX (512 * GUEST_PAGE_SIZE)

/* Where the kernel divides a mapping, it makes KVM forget the whole large page around that place, also
 * where there is none (mm/huge_memory.c, vma_adjust_trans_huge(), as of Linux 6.18); but not if no
 * single mapping has all of it. So a page of each large page within which something is ever to be
 * forgotten is kept as a mapping of its own, by an advice that means nothing for one page. Guests choose
 * where that is, so there is a limit; beyond it they have more to fault in again. */
static void kvm_split_large_page(struct machine_kvm *self, uint8_t *start, uint64_t size,
				 uint64_t at, uint64_t *split)
{
	const uint64_t base = (uintptr_t)start, begin = round_down(base + at, IMAGE_LARGE_PAGE);
	const uint64_t number = begin / IMAGE_LARGE_PAGE - base / IMAGE_LARGE_PAGE;
	if (at >= size || (base + at) == begin || begin < base || number / 64 >= KVM_SPLIT_WORDS ||
	    split[number / 64] >> number % 64 & 1)
		return;
	if (self->splits >= KVM_SPLITS_MAX || !kvm_host_take_split(self->host))
		return;
	self->splits++;
	split[number / 64] |= 1UL << number % 64;
	madvise((void *)begin, GUEST_PAGE_SIZE, MADV_RANDOM);
}

/* The processor may remember a translation that allowed more. Taking the host pages' rights away
 * and giving them back makes the kernel forget what it derived from them (an MMU notifier; 10 µs,
 * and little more for a range). */
static void kvm_forget_translations(void *context, uint64_t physical, uint64_t length)
{
	struct machine_kvm *self = context;
	int result = 0;
	if (physical >= PAGE_ROOT_PHYSICAL) {
		const uint64_t offset = physical - PAGE_ROOT_PHYSICAL;
		uint8_t *shown = (uint8_t *)self->root + offset;
		kvm_split_large_page(self, self->root, self->image->root_size, offset,
				     self->root_split);
		kvm_split_large_page(self, self->root, self->image->root_size, offset + length,
				     self->root_split);
		result = mprotect(shown, length, PROT_NONE) || mprotect(shown, length, PROT_READ);
	} else if (physical < self->image->size) { /* not the window, which is never narrowed */
		kvm_split_large_page(self, self->memory, self->image->size, physical, self->split);
		kvm_split_large_page(self, self->memory, self->image->size, physical + length,
				     self->split);
		result = mprotect(self->memory + physical, length, PROT_READ) ||
			 mprotect(self->memory + physical, length, PROT_READ | PROT_WRITE);
	}
	if (result)
		self->stale = errno;
}

int kvm_memory_protect(struct machine *machine, uint64_t address, uint64_t length,
		       uint32_t protection)
{
	struct machine_kvm *self = machine_kvm(machine);
	struct page_shrunk shrunk = {.forget = kvm_forget_translations, .context = self};
	return page_tables_protect(self->memory, address, length, protection, &shrunk);
}

/* When so many pages are asked for at once, the program has touched all of those before them, and
 * will touch these. Under PVM a fault takes 25 µs, or 40 for a page that the host does not have
 * yet, and brings along the seven neighbours that the host has. */
static void kvm_populate(struct machine_kvm *self, const struct page_run *run)
{
	const struct image_region *pool = image_region_at(self->image, run->source);
	if (pool && self->private && run->length >= POPULATED_MIN && run->length <= POPULATED_MAX &&
	    run->protection & GUEST_WRITE)
		working_set_populate_pages(
		    self->memory + pool->offset + (run->source - pool->address), run->length);
}

int kvm_memory_map(struct machine *machine, const struct page_run *run)
{
	struct machine_kvm *self = machine_kvm(machine);
	struct page_shrunk shrunk = {.forget = kvm_forget_translations, .context = self};
	int result = page_area_map(&self->area, run, &shrunk);
	if (!result)
		kvm_populate(self, run);
	return result;
}

int kvm_memory_unmap(struct machine *machine, uint64_t address, uint64_t length)
{
	struct machine_kvm *self = machine_kvm(machine);
	struct page_shrunk shrunk = {.forget = kvm_forget_translations, .context = self};
	struct page_run run;
	for (uint64_t at = address; page_area_find(&self->area, at, address + length, &run);
	     at = run.address + run.length)
		page_area_unmap(&self->area, &run, &shrunk);
	page_shrunk_flush(&shrunk);
	return 0;
}

/* What has shrunk and is not forgotten yet. */
static void kvm_forget_shrunk(struct machine_kvm *self, struct page_shrunk *shrunk)
{
	page_shrunk_flush(shrunk);
	const int failed = shrunk->tables ? kvm_machine_forget_tables(self) : 0;
	if (failed)
		self->stale = failed;
}

int kvm_memory_make_space(struct machine *machine, uint64_t number, const struct page_run *runs,
			  size_t own, size_t count)
{
	struct machine_kvm *self = machine_kvm(machine);
	struct page_shrunk shrunk = {.forget = kvm_forget_translations, .context = self};
	int result = page_space_make(&self->area, number, runs, own, count, &shrunk);
	kvm_forget_shrunk(self, &shrunk);
	return result;
}

int kvm_memory_switch_space(struct machine *machine, uint64_t number)
{
	struct machine_kvm *self = machine_kvm(machine);
	const uint64_t before = page_space_root(self->memory);
	int result = page_space_switch(&self->area, number);
	const uint64_t root = page_space_root(self->memory);
	if (root != before && vcpu_switch_root(&self->vcpu, root))
		self->stale = errno;
	return result;
}

int kvm_memory_drop_space(struct machine *machine, uint64_t number)
{
	return page_space_drop(&machine_kvm(machine)->area, number);
}

/* Restores the page tables in a range of guest-physical memory that was written to, and with
 * `whole` everything else in it. */
static void kvm_copy_back(struct machine_kvm *self, uint64_t start, uint64_t end, bool whole,
			  struct page_shrunk *shrunk)
{
	const uint64_t tables_start = self->image->page_tables;
	const uint64_t tables_end = tables_start + self->image->page_tables_size;
	if (self->kernel)
		kernel_note_written(self->kernel, start, end);
	while (start < end) {
		if (start >= tables_start && start < tables_end) {
			page_tables_restore(self->memory, self->image->memory, start, shrunk);
			start += GUEST_PAGE_SIZE;
			continue;
		}
		uint64_t stop = start < tables_start && end > tables_start ? tables_start : end;
		if (whole)
			memcpy(self->memory + start, self->image->memory + start, stop - start);
		start = stop;
	}
}

/* Drops all but the page tables, which KVM's own follow. That also makes the kernel forget
 * translations. */
static int kvm_drop_memory(struct machine_kvm *self, struct error *error)
{
	const uint64_t tables_start = self->image->page_tables;
	const uint64_t tables_end = tables_start + self->image->page_tables_size;
	if (madvise(self->memory, tables_start, MADV_DONTNEED) ||
	    madvise(self->memory + tables_end, self->image->size - tables_end, MADV_DONTNEED))
		return error_set_errno(error, errno, "cannot reset the virtual machine's memory");
	return 0;
}

int kvm_memory_restore(struct machine_kvm *self, uint64_t *pages, struct error *error)
{
	const uint64_t base = (uintptr_t)self->memory;
	const uint64_t end = base + self->image->size;
	struct written_range ranges[256];
	uint64_t bytes = 0;
	struct working_set *working_set = self->image->working_set;
	if (working_set && !working_set_begin(working_set))
		working_set = NULL;
	/* Page tables that a request changed: what shrinks back needs the processor's attention. */
	struct page_shrunk shrunk = {.forget = kvm_forget_translations, .context = self};
	for (uint64_t next = base; next < end;) {
		int count =
		    written_pages_find(&self->host->written, next, end, ranges, 256, &next, error);
		if (count < 0)
			return error_wrap(error, "cannot reset the virtual machine");
		for (int i = 0; i < count; i++) {
			bytes += ranges[i].end - ranges[i].start;
			if (working_set)
				working_set_add(working_set, ranges[i].start - base,
						ranges[i].end - ranges[i].start);
			kvm_copy_back(self, ranges[i].start - base, ranges[i].end - base,
				      bytes <= COPIED_BACK_MAX, &shrunk);
		}
	}
	kvm_forget_shrunk(self, &shrunk);
	if (!self->kernel)
		self->vcpu.system_registers.cr3 = page_space_root(self->memory);
	if (working_set)
		working_set_finish(working_set);
	*pages = bytes / GUEST_PAGE_SIZE;
	if (self->stale)
		return error_set_errno(error, self->stale, "cannot reset the guest's rights");
	return bytes > COPIED_BACK_MAX ? kvm_drop_memory(self, error) : 0;
}

void kvm_memory_forget_translations(struct machine_kvm *self)
{
	uint8_t *window = self->window->memory;
	kvm_forget_translations(self, 0, self->image->size);
	if (self->kernel)
		return;
	if (self->root)
		kvm_forget_translations(self, PAGE_ROOT_PHYSICAL, self->image->root_size);
	if (mprotect(window, WINDOW_SIZE, PROT_READ) ||
	    mprotect(window, WINDOW_SIZE, PROT_READ | PROT_WRITE))
		self->stale = errno;
}

static void kvm_drop_same(uint8_t *memory, const uint8_t *original, uint64_t length)
{
	for (uint64_t at = 0, end; at < length; at = end + GUEST_PAGE_SIZE) {
		for (end = at; end < length; end += GUEST_PAGE_SIZE)
			if (memcmp(memory + end, original + end, GUEST_PAGE_SIZE) != 0)
				break;
		if (end > at)
			madvise(memory + at, end - at, MADV_DONTNEED);
	}
}

void kvm_memory_drop_tables(struct machine_kvm *self)
{
	uint8_t *const tables = self->memory + self->image->page_tables;
	const uint8_t *original = self->image->memory + self->image->page_tables;
	const uint64_t start = (uintptr_t)tables, end = start + self->image->page_tables_size;
	struct written_range ranges[64];
	for (uint64_t next = start; next < end;) {
		int count =
		    written_pages_find(&self->host->written, next, end, ranges, 64, &next, NULL);
		if (count < 0)
			return;
		for (int i = 0; i < count; i++)
			kvm_drop_same(tables + (ranges[i].start - start),
				      original + (ranges[i].start - start),
				      ranges[i].end - ranges[i].start);
	}
}

static int compare_ranges(const void *left, const void *right)
{
	const struct written_range *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

/* What requests use, as offsets in guest-physical memory. Returns how many ranges there are. */
static size_t kvm_find_used(const struct machine_kvm *self, struct written_range *used)
{
	const struct working_set *working_set = self->image->working_set;
	size_t touched, count = 0;
	const uint64_t *addresses = working_set_touched(working_set, &touched);
	for (size_t i = 0; i < touched; i++) {
		const uint64_t at = page_tables_find(self->image->memory, addresses[i]);
		if (at < self->image->size)
			used[count++] = (struct written_range){at, at + GUEST_PAGE_SIZE};
	}
	for (size_t i = 0; i < working_set->count; i++) {
		const uint64_t at = working_set->ranges[i].offset;
		used[count++] = (struct written_range){at, at + working_set->ranges[i].length};
	}
	return count;
}

void kvm_memory_trim(struct machine_kvm *self)
{
	const struct working_set *working_set = self->private ? self->image->working_set : NULL;
	size_t room = 0;
	if (working_set)
		working_set_touched(working_set, &room);
	if (!room || room == WORKING_SET_TOUCHED_MAX) /* not known, or not all */
		return;
	room += working_set->count;
	cleanup_free struct written_range *used = calloc(room, sizeof(*used));
	if (!used)
		return;
	const size_t count = kvm_find_used(self, used);
	qsort(used, count, sizeof(*used), compare_ranges);
	/* Page tables stay, because KVM's own follow them. */
	uint64_t at = self->image->page_tables + self->image->page_tables_size;
	for (size_t i = 0; i < count; i++) {
		if (used[i].start > at)
			madvise(self->memory + at, used[i].start - at, MADV_DONTNEED);
		if (used[i].end > at)
			at = used[i].end;
	}
	madvise(self->memory + at, self->image->size - at, MADV_DONTNEED);
}

uint64_t kvm_memory_private_bytes(struct machine *machine)
{
	struct machine_kvm *self = machine_kvm(machine);
	const uint64_t base = (uintptr_t)self->memory;
	const uint64_t end = base + self->image->size;
	struct written_range ranges[256];
	uint64_t bytes = 0;
	for (uint64_t next = base; self->private && next < end;) {
		int count =
		    written_pages_find(&self->host->written, next, end, ranges, 256, &next, NULL);
		for (int i = 0; i < count; i++)
			bytes += ranges[i].end - ranges[i].start;
		if (count < 0)
			break;
	}
	return bytes;
}
