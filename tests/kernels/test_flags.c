/* The interrupt flag of a deprivileged kernel, and CPUID. What is rewritten runs here as it is, in a part of this
 * process's memory that has the guest's addresses: all that traps is INT3. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"
#include "mayfly/guest_abi.h"
#include "monitor/kvm/kernel/flags.h"
#include "monitor/kvm/kernel/flags_area.h"
#include "monitor/kvm/kernel/flags_cache.h"
#include "monitor/kvm/kernel/flags_search.h"
#include "sizes/sizes.h"
#include "util/file.h"
#include "util/hash.h"

#define AREA   0x20000UL
#define CODE   0x40000UL
#define MEMORY 0x80000UL
#define LOWEST 0x10000UL /* the host maps nothing below */

#define TRAP_FLAGS 0x43ed7UL /* all flags of these tests but TF */

static uint8_t *memory; /* what a monitor sees; the code runs at its own addresses */
static struct kernel_start kernel = {.memory = MEMORY, .flags_page = AREA, .code_count = 1};
static unsigned looks, sites;
static uint64_t stopped_flags; /* virtual, when the last INT3 came */

struct piece {
	const char *name;
	const uint8_t *code, *end;
	uint64_t argument;
	bool interrupts; /* are let in before */
	uint64_t result;
	unsigned stubs, int3s; /* that it gets */
};

#define PIECES(piece)                                                                              \
	piece(sti) piece(cli) piece(popf) piece(popf_at_jumps) piece(entered) piece(relative)      \
	    piece(leaving) piece(vga) piece(subtract) piece(subtract_mmx) piece(subtract_avx)      \
		piece(far) piece(halt) piece(padded) piece(followed) piece(short) piece(words)     \
		    piece(prefixed) piece(registers) piece(shadow) piece(switch) piece(identify)   \
			piece(identify_prefixed) piece(identify_data)
#define DECLARE(name) extern const uint8_t flags_##name[], flags_##name##_end[];
PIECES(DECLARE)
#define PIECE(name) #name, flags_##name, flags_##name##_end

static const struct piece pieces[] = {
    {PIECE(sti), 0, false, 0x200, 2, 0},
    {PIECE(cli), 0, true, 0, 2, 0},
    {PIECE(popf), 0x202, false, 0x202, 2, 0},
    {PIECE(popf), 0x43ed7, false, 0x43ed7, 2, 0},
    {PIECE(popf), 2, true, 2, 2, 0},
    {PIECE(popf_at_jumps), 0x43ed7, false, 0x43ed7, 0, 2},
    {PIECE(popf_at_jumps), 2, true, 2, 0, 2},
    {PIECE(entered), 1, false, 5, 0, 1},
    {PIECE(relative), 0, true, 0x200, 1, 0},
    {PIECE(leaving), 0, false, 0x200, 2, 0},
    {PIECE(vga), 3, true, 0x40, 1, 0},
    {PIECE(subtract), 9, true, 5, 1, 0},
    {PIECE(subtract_mmx), 9, true, 5, 1, 0},
    {PIECE(subtract_avx), 9, true, 5, 1, 0},
    {PIECE(far), 0, true, 0, 0, 0},
    {PIECE(padded), 0, true, 7, 1, 0},
    {PIECE(followed), 0, true, 7, 0, 0},
    {PIECE(short), 0, true, 7, 0, 1},
    {PIECE(words), 0, true, 0x200, 0, 1},
    {PIECE(prefixed), 0, true, 0x200, 0, 1},
    {PIECE(registers), 3, false, 3, 1, 0},
    {PIECE(shadow), 7, false, 7, 1, 0},
    {PIECE(switch), 0, false, 5, 0, 1},
    {PIECE(identify), 0, false, 5, 0, 2},
    {PIECE(identify_prefixed), 0, false, 5, 0, 2},
    {PIECE(identify_data), 0, false, 5, 0, 1},
};

/* Does what a monitor does at an INT3. */
static void on_trap(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint64_t rip = (uint64_t)registers[REG_RIP];
	const struct kernel_flags_site site = kernel_flags_site(memory, &kernel, rip);
	uint64_t flags = kernel_flags_fetch(memory, &kernel, 0);
	uint64_t *stack = (uint64_t *)registers[REG_RSP];
	stopped_flags = flags;
	registers[REG_RIP] = (greg_t)site.next;
	if (site.instruction == KERNEL_FLAGS_LOOK) {
		looks++;
		return;
	}
	sites++;
	uint64_t value = ((uint64_t)registers[REG_EFL] & ~KERNEL_FLAGS_VIRTUAL) | flags;
	if (site.instruction == KERNEL_FLAGS_PUSH) {
		registers[REG_RSP] -= site.size;
		memcpy((void *)registers[REG_RSP], &value, site.size);
	} else if (site.instruction == KERNEL_FLAGS_POP) {
		value = *stack;
		registers[REG_RSP] += site.size;
		registers[REG_EFL] = (greg_t)(value & ~KERNEL_FLAGS_VIRTUAL);
		kernel_flags_share(memory, &kernel, value & KERNEL_FLAGS_VIRTUAL, false);
	} else if (site.instruction == KERNEL_FLAGS_CPUID) {
		registers[REG_RAX] += 5;
	} else {
		abort();
	}
	(void)signal, (void)info;
}

static bool map_memory(void)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, MEMORY))
		return false;
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	void *low = mmap((void *)LOWEST, MEMORY - LOWEST, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_SHARED | MAP_FIXED_NOREPLACE, fd, LOWEST);
	close(fd);
	return memory != MAP_FAILED && low == (void *)LOWEST;
}

/* Puts code into the memory, with all that stands behind `length` bytes of it, and rewrites it. */
static int load(const uint8_t *code, size_t length, size_t rest)
{
	struct error error = {0};
	memset(memory, 0, MEMORY);
	memcpy(memory + CODE, code, length + rest);
	kernel.code[0] = (struct kernel_code){CODE, length};
	int result = kernel_flags_patch(memory, &kernel, &error);
	if (result)
		CHECK(error.code == -result && *error.text);
	return result;
}

/* Jumps that lead to stubs. */
static unsigned count_stubs(void)
{
	unsigned count = 0;
	for (uint64_t from = CODE; from < MEMORY - FLAGS_JUMP_LENGTH; from++) {
		int32_t distance;
		memcpy(&distance, memory + from + 1, sizeof(distance));
		const uint64_t to = from + FLAGS_JUMP_LENGTH + (uint64_t)distance;
		count += memory[from] == 0xe9 && to >= AREA + FLAGS_STUBS_OFFSET &&
			 to < AREA + KERNEL_FLAGS_SIZE;
	}
	return count;
}

static uint64_t call(uint64_t argument)
{
	uint64_t (*function)(uint64_t) = (uint64_t(*)(uint64_t))CODE;
	return function(argument);
}

/* CLI that is left traps: what had nothing rewritten is not called. */
static bool can_run(const struct piece *piece)
{
	return (piece->stubs || piece->int3s) &&
	       (piece->code != flags_subtract_avx || __builtin_cpu_supports("avx"));
}

static void test_pieces(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		const struct piece *piece = &pieces[i];
		if (!CHECK_NUMBER(load(piece->code, (size_t)(piece->end - piece->code), 16), 0))
			continue;
		const struct flags_area *area = (const struct flags_area *)(memory + AREA);
		bool good = CHECK_NUMBER(count_stubs(), piece->stubs);
		good = CHECK_NUMBER(area->site_count, piece->int3s) && good;
		kernel_flags_share(memory, &kernel, piece->interrupts ? 0x200 : 0, false);
		if (good && can_run(piece)) {
			const uint64_t got = call(piece->argument) & TRAP_FLAGS;
			good = CHECK_NUMBER(got, piece->result) && good;
		}
		if (!good)
			fprintf(stderr, "  piece %s, argument %#lx\n", piece->name,
				piece->argument);
	}
}

/* An interrupt that waits is let in behind STI and POPF, and not where the guest keeps it out. */
static void test_pending(void)
{
	static const struct {
		const uint8_t *code, *end;
		uint64_t argument;
		unsigned looks;
		uint64_t flags;
	} cases[] = {
	    {flags_sti, flags_sti_end, 0, 1, 0x200},	   {flags_cli, flags_cli_end, 0, 0, 0},
	    {flags_popf, flags_popf_end, 0x202, 1, 0x200}, {flags_popf, flags_popf_end, 2, 1, 0},
	    {flags_shadow, flags_shadow_end, 0, 1, 0}, /* by then it is out again */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_NUMBER(load(cases[i].code, (size_t)(cases[i].end - cases[i].code), 0), 0);
		kernel_flags_share(memory, &kernel, 0, true);
		looks = 0;
		call(cases[i].argument);
		CHECK_NUMBER(looks, cases[i].looks);
		if (looks)
			CHECK_NUMBER(stopped_flags, cases[i].flags);
	}
}

/* What is not to be rewritten stays: STI before HLT, and the guest's own breakpoints. */
static void test_left_alone(void)
{
	CHECK_NUMBER(load(flags_halt, (size_t)(flags_halt_end - flags_halt), 0), 0);
	CHECK(!memcmp(memory + CODE, flags_halt, (size_t)(flags_halt_end - flags_halt)));
	CHECK_NUMBER(kernel_flags_site(memory, &kernel, CODE + 3).instruction, KERNEL_FLAGS_NONE);
	CHECK_NUMBER(kernel_flags_site(memory, &kernel, 0).instruction, KERNEL_FLAGS_NONE);
	const struct kernel_start none = {.memory = MEMORY, .code_count = 1, .code = {{CODE, 64}}};
	memcpy(memory + CODE, flags_sti, 8);
	CHECK_NUMBER(kernel_flags_patch(memory, &none, NULL), 0);
	CHECK(!memcmp(memory + CODE, flags_sti, 8));
	CHECK_NUMBER(kernel_flags_fetch(memory, &none, 0x3200), 0x3200);
	CHECK_NUMBER(kernel_flags_site(memory, &none, CODE + 1).instruction, KERNEL_FLAGS_NONE);
}

/* The same few instructions again and again, until nothing more has room. */
static int load_many(size_t count)
{
	static const uint8_t code[] = {0x9c, 0x58, 0x25, 0x00, 0x02, 0x00, 0x00};
	static uint8_t all[sizeof(code) * 2000 + 1];
	for (size_t i = 0; i < count; i++)
		memcpy(all + i * sizeof(code), code, sizeof(code));
	all[count * sizeof(code)] = 0xc3;
	return load(all, count * sizeof(code) + 1, 0);
}

static void test_room(void)
{
	const struct flags_area *area = (const struct flags_area *)(memory + AREA);
	CHECK_NUMBER(load_many(1500), 0);
	CHECK(area->site_count > 0 && area->site_count < FLAGS_SITES_MAX);
	CHECK_NUMBER(count_stubs() + area->site_count, 1500);
	sites = 0;
	kernel_flags_share(memory, &kernel, 0x200, false);
	CHECK_NUMBER(call(0), 0x200);
	CHECK_NUMBER(sites, area->site_count);
	CHECK_NUMBER(load_many(2000), -E2BIG);
}

/* Code that names `count` addresses beyond its memory, and has one place. */
static void name_tables(size_t count, size_t tables, bool is_entered)
{
	static const uint8_t lea[] = {0x48, 0x8d, 0x05, 0, 0, 0, 0x40};
	const size_t length = count * sizeof(lea) + 16;
	const struct kernel_start start = {
	    .memory = length, .code_count = 1, .code = {{0, length}}};
	struct flags_places places = {0};
	uint8_t *code = malloc(length);
	memset(code, 0x90, length);
	for (size_t i = 0; i < count; i++)
		memcpy(code + i * sizeof(lea), lea, sizeof(lea));
	code[count * sizeof(lea)] = 0xfa;
	CHECK_NUMBER(flags_search(code, &start, &places, NULL), 0);
	CHECK_NUMBER(flags_search_tables(code, &start, &places, NULL), 0);
	CHECK_NUMBER(places.table_count, tables);
	if (CHECK_NUMBER(places.count, 1))
		CHECK_NUMBER(places.places[0].is_entered, is_entered);
	flags_places_free(&places);
	free(code);
}

static void test_many_tables(void)
{
	name_tables(3000, 3000, false);
	name_tables(FLAGS_TABLES_MAX, FLAGS_TABLES_MAX, false);
	name_tables(FLAGS_TABLES_MAX + 1, 0, true);
	name_tables(2 * FLAGS_TABLES_MAX + 1, 0, true);
}

static void expect_refused(uint64_t area, uint64_t address, uint64_t length)
{
	struct error error = {0};
	const struct kernel_start start = {
	    .memory = MEMORY, .flags_page = area, .code_count = 1, .code = {{address, length}}};
	CHECK_NUMBER(kernel_flags_patch(memory, &start, &error), -ENOEXEC);
	CHECK(*error.text);
}

static void test_bad_ranges(void)
{
	expect_refused(AREA, CODE, MEMORY);
	expect_refused(AREA, UINT64_MAX - 10, 100);
	expect_refused(AREA, AREA - 16, 32);
	expect_refused(AREA + 1, CODE, 16);
	expect_refused(MEMORY - 4096, CODE, 16);
	struct kernel_start start = {.memory = MEMORY,
				     .flags_page = AREA,
				     .code_count = 2,
				     .code = {{CODE + 16, 32}, {CODE, 32}}};
	CHECK_NUMBER(kernel_flags_patch(memory, &start, NULL), -ENOEXEC);
	start.code_count = KERNEL_CODES_MAX + 1;
	CHECK_NUMBER(kernel_flags_patch(memory, &start, NULL), -ENOEXEC);
}

/* Whatever the guest writes there, answers are of the kinds that there are. */
static void test_scribbled(void)
{
	srand(1);
	for (int round = 0; round < 200; round++) {
		for (uint64_t at = AREA; at < AREA + FLAGS_STUBS_OFFSET; at += 4)
			memcpy(memory + at, &(int){rand() >> (round % 31)}, 4);
		const uint64_t flags = kernel_flags_fetch(memory, &kernel, 0);
		CHECK(!(flags & ~KERNEL_FLAGS_VIRTUAL));
		for (int i = 0; i < 100; i++) {
			const uint64_t rip = (uint64_t)rand() >> (i % 31);
			const struct kernel_flags_site site =
			    kernel_flags_site(memory, &kernel, rip);
			const bool moves = site.instruction == KERNEL_FLAGS_PUSH ||
					   site.instruction == KERNEL_FLAGS_POP;
			CHECK(site.instruction <= KERNEL_FLAGS_CPUID);
			CHECK(moves ? site.size == 2 || site.size == 8 : site.size == 0);
		}
	}
}

/* ── the cache ───────────────────────────────────────────────────────────────────────────────── */

static char cache[] = "/tmp/kernel_flags_XXXXXX";

/* The file that was written last. */
static void read_newest(char path[PATH_MAX])
{
	char command[PATH_MAX];
	snprintf(command, sizeof(command), "ls -t %s/kernels/*", cache);
	FILE *list = popen(command, "r");
	if (CHECK(list && fgets(path, PATH_MAX, list)))
		path[strcspn(path, "\n")] = 0;
	if (list)
		pclose(list);
}

static void read_record(char path[PATH_MAX], uint8_t **data, size_t *length)
{
	read_newest(path);
	CHECK_NUMBER(file_read(path, 1 << 20, data, length, NULL), 0);
}

/* Whether something is remembered, and whatever that is, the code becomes the same. */
static void test_damaged_cache(const uint8_t *code, const uint8_t *end)
{
	static uint8_t first[MEMORY];
	char path[PATH_MAX] = "";
	uint8_t *record = NULL;
	size_t length = 0;
	CHECK_NUMBER(load(code, (size_t)(end - code), 16), 0);
	memcpy(first, memory, MEMORY);
	read_record(path, &record, &length);
	for (size_t damage = 0; damage <= length; damage++) {
		uint8_t *copy = malloc(length + 1);
		memcpy(copy, record, length);
		if (damage < length)
			copy[damage] ^= 0x40;
		CHECK_NUMBER(file_replace(path, copy, damage == length ? damage / 2 : length, NULL),
			     0);
		free(copy);
		CHECK_NUMBER(load(code, (size_t)(end - code), 16), 0);
		CHECK(!memcmp(first, memory, MEMORY));
	}
	free(record);
	unlink(path);
}

/* The same code with other data: what tables say is not remembered. */
static void test_other_tables(void)
{
	const size_t length = (size_t)(flags_switch_end - flags_switch);
	const struct flags_area *area = (const struct flags_area *)(memory + AREA);
	char path[PATH_MAX] = "";
	CHECK_NUMBER(load(flags_switch, length, 0), 0);
	CHECK_NUMBER(count_stubs(), 1);
	for (int round = 0; round < 2; round++) {
		CHECK_NUMBER(load(flags_switch, length, 16), 0);
		CHECK_NUMBER(count_stubs(), 0);
		CHECK_NUMBER(area->site_count, 1);
		CHECK_NUMBER(call(0), 5);
		CHECK_NUMBER(load(flags_switch, length, 0), 0);
		CHECK_NUMBER(count_stubs(), 1);
	}
	read_newest(path);
	unlink(path);
}

/* As flags_cache.c lays it out. */
struct record {
	uint32_t version, count, table_count;
	char digest[HASH_HEX_SIZE];
	char reserved[3];
	struct flags_place places[2];
};

/* Seals a record of two places as the one of the code at `path`. */
static void seal(const char *path, struct record *record, mode_t mode)
{
	uint8_t all[HASH_HEX_SIZE + sizeof(record->places)];
	memcpy(all, strrchr(path, '/') + 1, HASH_HEX_SIZE);
	memcpy(all + HASH_HEX_SIZE, record->places, sizeof(record->places));
	CHECK_NUMBER(hash_buffer(all, sizeof(all), record->digest, NULL), 0);
	CHECK_NUMBER(file_replace(path, record, sizeof(*record), NULL), 0);
	CHECK_NUMBER(chmod(path, mode), 0);
}

/* The code again, with that in the cache: whether it became what it was without. */
static bool is_believed(const char *path, struct record record, mode_t mode, const uint8_t *first)
{
	seal(path, &record, mode);
	CHECK_NUMBER(load(flags_popf, (size_t)(flags_popf_end - flags_popf), 0), 0);
	return memcmp(first, memory, MEMORY) != 0;
}

/* Files that are whole, but not this code's, or not this user's. */
static void test_forged_cache(void)
{
	static uint8_t first[MEMORY];
	char path[PATH_MAX] = "";
	uint8_t *data = NULL;
	size_t length = 0;
	struct record record;
	CHECK_NUMBER(load(flags_popf, (size_t)(flags_popf_end - flags_popf), 0), 0);
	memcpy(first, memory, MEMORY);
	read_record(path, &data, &length);
	if (!CHECK_NUMBER(length, sizeof(record)))
		return;
	memcpy(&record, data, sizeof(record));
	/* Of this user it is believed that a place is entered: it has an INT3 then. */
	record.places[0].is_entered = record.places[1].is_entered = 1;
	CHECK(is_believed(path, record, 0600, first));
	CHECK(!is_believed(path, record, 0602, first));
	CHECK(!is_believed(path, record, 0666, first));
	/* No place is where no such instruction stands, or no code. */
	const uint32_t wrong[] = {0, CODE - 1, CODE + 1, AREA, MEMORY - 1, MEMORY, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct record other = record;
		other.places[1].address = wrong[i];
		CHECK(!is_believed(path, other, 0600, first));
	}
	/* Another code's record is none of this one's. */
	char other[PATH_MAX];
	snprintf(other, sizeof(other), "%s", path);
	*(strrchr(other, '/') + 1) ^= 1;
	seal(other, &record, 0600);
	CHECK_NUMBER(rename(other, path), 0);
	CHECK_NUMBER(load(flags_popf, (size_t)(flags_popf_end - flags_popf), 0), 0);
	CHECK(!memcmp(first, memory, MEMORY));
	free(data);
	unlink(path);
}

static unsigned count_files(const char *folder)
{
	unsigned count = 0;
	DIR *files = opendir(folder);
	for (const struct dirent *entry; files && (entry = readdir(files));)
		count += entry->d_name[0] != '.';
	if (files)
		closedir(files);
	return count;
}

/* What was used longest ago makes room, and what is not of the cache stays. */
static void test_full_cache(void)
{
	char folder[PATH_MAX - 100], path[PATH_MAX], kept[PATH_MAX];
	snprintf(folder, sizeof(folder), "%s/kernels", cache);
	for (unsigned i = 0; i < 2 * FLAGS_CACHE_FILES; i++) {
		const struct timespec times[] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
		snprintf(path, sizeof(path), "%s/%064x", folder, i);
		CHECK_NUMBER(file_replace(path, "x", 1, NULL), 0);
		CHECK_NUMBER(utimensat(AT_FDCWD, path, times, 0), 0);
	}
	/* What one left who was killed while he wrote. */
	const struct timespec long_ago[] = {{.tv_sec = 1}, {.tv_sec = 1}};
	snprintf(kept, sizeof(kept), "%s/%064x.aBc123", folder, 0);
	CHECK_NUMBER(file_replace(kept, "x", 1, NULL), 0);
	CHECK_NUMBER(utimensat(AT_FDCWD, kept, long_ago, 0), 0);
	snprintf(kept, sizeof(kept), "%s/notes", folder);
	CHECK_NUMBER(file_replace(kept, "x", 1, NULL), 0);
	CHECK_NUMBER(load(flags_popf, (size_t)(flags_popf_end - flags_popf), 0), 0);
	CHECK_NUMBER(count_files(folder), FLAGS_CACHE_FILES + 1);
	CHECK(!access(path, F_OK) && !access(kept, F_OK));
	snprintf(path, sizeof(path), "%s/%064x", folder, FLAGS_CACHE_FILES);
	CHECK(access(path, F_OK) != 0);
	/* Used again, it is not the oldest one any more. */
	read_newest(path);
	const struct timespec old[] = {{.tv_sec = 1}, {.tv_sec = 1}};
	CHECK_NUMBER(utimensat(AT_FDCWD, path, old, 0), 0);
	CHECK_NUMBER(load(flags_popf, (size_t)(flags_popf_end - flags_popf), 0), 0);
	CHECK_NUMBER(load(flags_sti, (size_t)(flags_sti_end - flags_sti), 0), 0);
	CHECK(!access(path, F_OK));
	CHECK_NUMBER(count_files(folder), FLAGS_CACHE_FILES + 1);
}

/* A cache that cannot be had is none. */
static void test_no_cache(void)
{
	static uint8_t first[MEMORY];
	CHECK_NUMBER(load(flags_popf, (size_t)(flags_popf_end - flags_popf), 0), 0);
	memcpy(first, memory, MEMORY);
	setenv("MAYFLY_CACHE", "/dev/null/cache", 1);
	CHECK_NUMBER(load(flags_popf, (size_t)(flags_popf_end - flags_popf), 0), 0);
	CHECK(!memcmp(first, memory, MEMORY));
	setenv("MAYFLY_CACHE", cache, 1);
}

static void use_new_cache(void)
{
	CHECK(mkdtemp(cache) && !setenv("MAYFLY_CACHE", cache, 1));
}

static void remove_cache(void)
{
	char command[PATH_MAX];
	snprintf(command, sizeof(command), "rm -r %s", cache);
	CHECK_NUMBER(system(command), 0);
}

int main(void)
{
	if (!map_memory()) {
		printf("memory at %#lx cannot be had\n", LOWEST);
		return CHECK_SKIPPED;
	}
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGTRAP, &action, NULL);
	use_new_cache();
	test_damaged_cache(flags_popf, flags_popf_end);
	test_damaged_cache(flags_switch, flags_switch_end);
	test_other_tables();
	test_forged_cache();
	test_full_cache();
	test_no_cache();
	test_pieces();
	test_pending();
	test_left_alone();
	test_room();
	test_many_tables();
	test_bad_ranges();
	test_scribbled();
	remove_cache();
	return check_status();
}
