/* /proc/self: the one process, as its library OS knows it. */
#include <elf.h>
#include <sys/sysmacros.h>

#include "area.h"
#include "calls.h"
#include "descriptor_links.h"
#include "files.h"
#include "libos.h"
#include "mapped_files.h"
#include "pool.h"
#include "proc.h"
#include "text.h"
#include "thread.h"

#define TICK_NS	      (NANOSECONDS / 100) /* of a time in stat */
#define PAGE_KIB      (GUEST_PAGE_SIZE / 1024)
#define VDSO_SIZE     GUEST_PAGE_SIZE
#define AUXILIARY_MAX 64   /* entries */
#define ARGUMENTS_MAX 4096 /* of arguments or variables */

/* What the stack of a new program has: a count, arguments, NULL, variables, NULL, auxiliary vector.
 * All of it is the program's to overwrite, so each word is fetched with care. */
static bool stack_word(uint64_t index, uint64_t *word)
{
	return !user_copy_in(word, libos_start_info.stack + index * sizeof(*word), sizeof(*word));
}

/* The strings from one index of the stack up to a NULL, each with its NUL. Returns the index behind
 * the NULL. */
static uint64_t print_strings(struct generated_text *out, uint64_t index)
{
	uint64_t address;
	for (int i = 0; i < ARGUMENTS_MAX && stack_word(index++, &address) && address; i++) {
		char character = 1;
		for (; out && character && out->length < out->size; address++) {
			if (user_copy_in(&character, address, 1))
				break;
			generated_bytes(out, &character, 1);
		}
	}
	return index;
}

static void print_cmdline(struct generated_text *out)
{
	print_strings(out, 1);
}

static void print_environment(struct generated_text *out)
{
	print_strings(out, print_strings(NULL, 1));
}

/* Entry `i` of the auxiliary vector. */
static bool auxiliary_entry(uint64_t first, uint64_t i, Elf64_auxv_t *entry)
{
	return stack_word(first + 2 * i, &entry->a_type) &&
	       stack_word(first + 2 * i + 1, &entry->a_un.a_val);
}

static void print_auxiliary_vector(struct generated_text *out)
{
	uint64_t first = print_strings(NULL, print_strings(NULL, 1));
	Elf64_auxv_t entry = {.a_type = AT_IGNORE};
	for (uint64_t i = 0;
	     i < AUXILIARY_MAX && entry.a_type != AT_NULL && auxiliary_entry(first, i, &entry); i++)
		generated_bytes(out, &entry, sizeof(entry));
}

static uint64_t vdso_address(void)
{
	uint64_t first = print_strings(NULL, print_strings(NULL, 1));
	Elf64_auxv_t entry = {.a_type = AT_IGNORE};
	for (uint64_t i = 0;
	     i < AUXILIARY_MAX && entry.a_type != AT_NULL && auxiliary_entry(first, i, &entry); i++)
		if (entry.a_type == AT_SYSINFO_EHDR)
			return entry.a_un.a_val;
	return 0;
}

static void print_range(struct generated_text *out, uint64_t start, uint64_t end,
			uint32_t protection)
{
	generated_print(out, "%08lx-%08lx %s%s%sp ", start, end,
			protection & GUEST_READ ? "r" : "-", protection & GUEST_WRITE ? "w" : "-",
			protection & GUEST_EXECUTE ? "x" : "-");
}

static void print_mapping(struct generated_text *out, uint64_t start, uint64_t end,
			  uint32_t protection, const char *name)
{
	print_range(out, start, end, protection);
	generated_print(out, "00000000 00:00 0%s%s\n", *name ? " " : "", name);
}

/* What mmap gave, a line for each part that is of one file or of none. */
static void print_mapped(struct generated_text *out, uint64_t start, uint64_t end,
			 uint32_t protection)
{
	while (start < end && out->length < out->size) {
		char name[PATH_MAX];
		uint64_t offset = 0, limit = end;
		const struct file *file = mapped_files_at(start, &offset, &limit);
		if (file) {
			const uint64_t device = node_file_system(file->node);
			descriptor_link_text(file, name);
			print_range(out, start, limit, protection);
			generated_print(out, "%08lx %02x:%02x %lu %s\n", offset, major(device),
					minor(device), file->node->number, name);
		} else {
			print_mapping(out, start, limit, protection, "");
		}
		start = limit;
	}
}

/* The region of the program with the lowest start from `address` on; the list has no order. */
static const struct guest_region *next_region(uint64_t address)
{
	const struct guest_region *found = NULL;
	for (uint64_t i = 0; i < libos_start_info.region_count; i++) {
		const struct guest_region *region = &libos_start_info.regions[i];
		if (region->start >= address && region->end <= GUEST_POOL_BASE &&
		    !region->unmapped && (!found || region->start < found->start))
			found = region;
	}
	return found;
}

/* Of the interpreter, at its place above the program, no name is known here. */
static const char *region_name(const struct guest_region *region)
{
	if (region->end == GUEST_STACK_TOP)
		return "[stack]";
	return region->start < GUEST_INTERPRETER ? libos_start_info.program : "";
}

/* What mmap gave in the area, up to `limit`: pieces of the same permissions side by side are one
 * line. */
static uint64_t print_area(struct generated_text *out, uint64_t address, uint64_t limit)
{
	const struct area_piece *piece;
	while ((piece = area_piece_from(address)) && piece->start < limit &&
	       out->length < out->size) {
		const uint64_t start = piece->start;
		const uint32_t protection = piece->protection;
		do {
			address = piece->end;
			piece = area_piece_from(address);
		} while (piece && piece->start == address && piece->protection == protection);
		print_mapped(out, start, address, protection);
	}
	return address;
}

/* What brk and mmap gave: pages of the same permissions side by side are one line. */
static void print_pool(struct generated_text *out)
{
	const uint64_t base = libos_start_info.pool_base, pages = pool_total_pages();
	for (uint64_t i = 0; i < pages && out->length < out->size;) {
		uint64_t start = base + i * GUEST_PAGE_SIZE;
		if (!pool_is_mapped(start, 1)) {
			i++;
			continue;
		}
		uint32_t protection = pool_protection(start);
		uint64_t end = start;
		while (i < pages && pool_is_mapped(end, 1) && pool_protection(end) == protection) {
			end += GUEST_PAGE_SIZE;
			i++;
		}
		print_mapped(out, start, end, protection);
	}
}

static void print_maps(struct generated_text *out)
{
	const struct guest_region *region = next_region(0);
	uint64_t printed = 0;
	for (; region; region = next_region(region->end)) {
		printed = print_area(out, printed, region->start);
		print_mapping(out, region->start, region->end, region->protection,
			      region_name(region));
	}
	print_area(out, printed, GUEST_AREA_END);
	print_pool(out);
	uint64_t vdso = vdso_address();
	if (vdso)
		print_mapping(out, vdso, vdso + VDSO_SIZE, GUEST_READ | GUEST_EXECUTE, "[vdso]");
}

static uint64_t mapped_pages(void)
{
	uint64_t pages = pool_total_pages() - pool_free_pages();
	for (const struct guest_region *region = next_region(0); region;
	     region = next_region(region->end))
		pages += (region->end - region->start) / GUEST_PAGE_SIZE;
	return pages;
}

/* Field by field as proc(5) counts them; what has no meaning here is 0. */
static void print_stat(struct generated_text *out)
{
	uint64_t pages = mapped_pages();
	generated_print(out, "%u (%s) R 1 %u %u 0 -1 0 0 0 0 0 ", PROCESS_ID, process_name(),
			PROCESS_ID, PROCESS_ID);
	generated_print(out, "%lu 0 0 0 20 0 %u 0 %lu ", time_process_ns() / TICK_NS,
			thread_count(), time_started_ns() / TICK_NS);
	generated_print(out, "%lu %lu %lu ", pages * GUEST_PAGE_SIZE, pages, UINT64_MAX);
	generated_print(out, "0 0 %lu 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
			libos_start_info.stack);
}

static void print_statm(struct generated_text *out)
{
	uint64_t pages = mapped_pages();
	generated_print(out, "%lu %lu 0 0 0 %lu 0\n", pages, pages, pages);
}

static void print_status(struct generated_text *out)
{
	const uint64_t nothing[6] = {0};
	uint64_t kib = mapped_pages() * PAGE_KIB;
	unsigned user = (unsigned)call_getuid(nothing), group = (unsigned)call_getgid(nothing);
	generated_print(out, "Name:\t%s\nState:\tR (running)\n", process_name());
	generated_print(out, "Tgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t1\nTracerPid:\t0\n", PROCESS_ID,
			PROCESS_ID);
	generated_print(out, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", user, user, user, user,
			group, group, group, group);
	generated_print(out, "FDSize:\t%u\nGroups:\t\n", DESCRIPTOR_COUNT);
	generated_print(out, "VmPeak:\t%lu kB\nVmSize:\t%lu kB\nVmLck:\t0 kB\nVmHWM:\t%lu kB\n",
			kib, kib, kib);
	generated_print(out, "VmRSS:\t%lu kB\nVmStk:\t%lu kB\nVmSwap:\t0 kB\n", kib,
			libos_start_info.stack_size / 1024);
	generated_print(out, "Threads:\t%u\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n",
			thread_count());
	generated_print(out, "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
}

static void print_name(struct generated_text *out)
{
	generated_print(out, "%s\n", process_name());
}

static void print_mounts(struct generated_text *out)
{
	generated_print(out, "tmpfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
}

static void print_mountinfo(struct generated_text *out)
{
	generated_print(out,
			"1 1 0:1 / / rw - tmpfs tmpfs rw\n2 1 0:2 / /proc rw - proc proc rw\n");
}

/* In no control group: the limits are the machine's. */
static void print_control_groups(struct generated_text *out)
{
	generated_print(out, "0::/\n");
}

const struct proc_file proc_process_files[] = {
    {"stat", print_stat},
    {"statm", print_statm},
    {"status", print_status},
    {"cmdline", print_cmdline},
    {"environ", print_environment},
    {"auxv", print_auxiliary_vector},
    {"maps", print_maps},
    {"comm", print_name},
    {"mounts", print_mounts},
    {"mountinfo", print_mountinfo},
    {"cgroup", print_control_groups},
    {NULL, NULL},
};
