/* Linux kernels before they start: what both boot protocols find in memory, and what is refused, each
 * with a sentence. The kernels here are small, sound, and do nothing. */
#include <elf.h>
#include <errno.h>
#include <sys/mman.h>

#include "check.h"
#include "monitor/guests/linux/acpi.h"
#include "monitor/guests/linux/boot.h"
#include "sizes/sizes.h"

#define MIB	     (1UL << 20)
#define MEMORY	     (64 * MIB)
#define SECTOR	     512UL
#define SETUP	     (5 * SECTOR)
#define PAYLOAD	     8192UL
#define BZIMAGE_SIZE (SETUP + PAYLOAD)
#define PREFERRED    0x1000000UL
#define NOTE_ENTRY   0x1000040UL
#define ELF_SIZE     0x3000UL

struct boot_test {
	struct linux_boot boot;
	uint8_t file[16384];
	struct error error;
};

static void *memory;

static void store(uint8_t *at, uint64_t value, size_t size)
{
	memcpy(at, &value, size);
}

static uint64_t load(const void *at, size_t size)
{
	uint64_t value = 0;
	memcpy(&value, at, size);
	return value;
}

/* What is loaded next finds zero memory. */
static void begin(struct boot_test *test, size_t file_size)
{
	*test = (struct boot_test){0};
	CHECK(memory = mmap(memory, MEMORY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (memory ? MAP_FIXED : 0),
			    -1, 0));
	test->boot = (struct linux_boot){
	    .file = test->file,
	    .file_size = file_size,
	    .command_line = "console=ttyS0 quiet",
	    .memory = memory,
	    .memory_size = MEMORY,
	};
}

/* ── bzImage ─────────────────────────────────────────────────────────────────────────────────── */

static void make_bzimage(struct boot_test *test)
{
	begin(test, BZIMAGE_SIZE);
	uint8_t *file = test->file;
	memset(file + SETUP, 0x90, PAYLOAD);
	file[0x1f1] = SETUP / SECTOR - 1;
	store(file + 0x1f4, PAYLOAD / 16, 4);
	store(file + 0x1fe, 0xaa55, 2);
	file[0x200] = 0xeb;
	file[0x201] = 0x6a;
	store(file + 0x202, 0x53726448, 4); /* "HdrS" */
	store(file + 0x206, 0x20f, 2);
	file[0x211] = 1; /* loaded high */
	store(file + 0x22c, 0x7fffffff, 4);
	file[0x234] = 1;
	store(file + 0x236, 1, 2); /* 64 bits */
	store(file + 0x238, 2047, 4);
	store(file + 0x258, PREFERRED, 8);
	store(file + 0x260, 4 * MIB, 4);
}

static void test_bzimage(void)
{
	struct boot_test test;
	uint8_t initrd[5000];
	memset(initrd, 7, sizeof(initrd));
	make_bzimage(&test);
	test.boot.initrd = initrd;
	test.boot.initrd_size = sizeof(initrd);
	CHECK(linux_bzimage_recognise(test.file, 4096));
	CHECK_NUMBER(linux_bzimage_load(&test.boot, &test.error), 0);
	const uint8_t *all = memory, *zero_page = all + test.boot.start.rsi;
	const struct kernel_start *start = &test.boot.start;
	CHECK_NUMBER(start->mode, KERNEL_LONG);
	CHECK_NUMBER(start->rip, PREFERRED + 0x200);
	CHECK_NUMBER(start->memory, MEMORY);
	CHECK_NUMBER(all[start->rip], 0x90);
	/* The selectors of the protocol, in a table that has them. */
	CHECK_NUMBER(start->code_selector, 0x10);
	CHECK_NUMBER(load(all + start->gdt + start->code_selector, 8), 0x00af9b000000ffff);
	CHECK_NUMBER(load(all + start->gdt + start->data_selector, 8), 0x00cf93000000ffff);
	/* Its own header, with what the loader adds. */
	CHECK(!memcmp(zero_page + 0x202, "HdrS", 4));
	CHECK_NUMBER(zero_page[0x210], 0xff);
	CHECK_TEXT((const char *)all + load(zero_page + 0x228, 4), "console=ttyS0 quiet");
	CHECK_NUMBER(load(zero_page + 0x21c, 4), sizeof(initrd));
	const uint64_t at = load(zero_page + 0x218, 4);
	CHECK(at % 4096 == 0 && at + sizeof(initrd) <= MEMORY && at >= PREFERRED + 4 * MIB);
	CHECK(!memcmp(all + at, initrd, sizeof(initrd)));
	/* All of the memory but what a PC has below the first MiB. */
	CHECK_NUMBER(zero_page[0x1e8], 2);
	CHECK_NUMBER(load(zero_page + 0x2d0 + 8, 8), 0x9fc00);
	CHECK_NUMBER(load(zero_page + 0x2d0 + 20, 8), MIB);
	CHECK_NUMBER(load(zero_page + 0x2d0 + 28, 8), MEMORY - MIB);
	CHECK_NUMBER(load(zero_page + 0x70, 8), LINUX_ACPI);
}

/* Looks an address up in the tables of 2 MiB pages. */
static uint64_t look_up(uint64_t table, uint64_t address)
{
	for (int level = 3; level > 1; level--)
		table = load((uint8_t *)memory + (table & ~0xfffUL) +
				 (address >> (9 * level + 12) & 511) * 8,
			     8);
	return load((uint8_t *)memory + (table & ~0xfffUL) + (address >> 21 & 511) * 8, 8);
}

static void test_identity(void)
{
	static const uint64_t addresses[] = {0, PREFERRED, 0xd0000000, 0xffe00000};
	struct boot_test test;
	make_bzimage(&test);
	CHECK_NUMBER(linux_bzimage_load(&test.boot, &test.error), 0);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		CHECK_NUMBER(look_up(test.boot.start.cr3, addresses[i]), addresses[i] | 0xe3);
}

static void refuse_bzimage(struct boot_test *test, int code, const char *words)
{
	CHECK_NUMBER(linux_bzimage_load(&test->boot, &test->error), -code);
	if (!CHECK(strstr(test->error.text, words)))
		fprintf(stderr, "it says: %s\n", test->error.text);
}

static void test_bad_bzimages(void)
{
	struct boot_test test;
	make_bzimage(&test);
	test.file[0x202] = 'h';
	CHECK(!linux_bzimage_recognise(test.file, 4096));
	refuse_bzimage(&test, ENOEXEC, "no setup header");
	for (size_t size = 0x206; size < BZIMAGE_SIZE - 16; size += 97) {
		make_bzimage(&test);
		test.boot.file_size = size;
		refuse_bzimage(&test, ENOEXEC, "cut off");
	}
	make_bzimage(&test);
	test.file[0x1fe] = 0;
	refuse_bzimage(&test, ENOEXEC, "boot flag is 0xaa00");
	make_bzimage(&test);
	store(test.file + 0x206, 0x20b, 2);
	refuse_bzimage(&test, ENOEXEC, "without a 64-bit entry (boot protocol 2.11)");
	make_bzimage(&test);
	test.file[0x236] = 0;
	refuse_bzimage(&test, ENOEXEC, "without a 64-bit entry");
	make_bzimage(&test);
	test.file[0x211] = 0;
	refuse_bzimage(&test, ENOEXEC, "zImage");
	make_bzimage(&test);
	store(test.file + 0x258, 0x9000, 8);
	refuse_bzimage(&test, ENOEXEC, "wants to be loaded at 0x9000");
	make_bzimage(&test);
	store(test.file + 0x260, 60 * MIB, 4);
	refuse_bzimage(&test, ENOMEM, "needs memory from 16 to 76 MiB");
	make_bzimage(&test);
	store(test.file + 0x258, ~0xfffUL, 8);
	refuse_bzimage(&test, ENOMEM, "--memory");
	make_bzimage(&test);
	store(test.file + 0x238, 10, 4);
	refuse_bzimage(&test, E2BIG, "has 19 bytes, and this kernel takes 10");
	make_bzimage(&test);
	test.boot.initrd = memory; /* as much as there is; nothing of it is read */
	test.boot.initrd_size = MEMORY - 20 * MIB + 1;
	refuse_bzimage(&test, ENOMEM, "initial RAM disk");
}

/* ── PVH ─────────────────────────────────────────────────────────────────────────────────────── */

struct elf_kernel {
	Elf64_Ehdr header;
	Elf64_Phdr segments[3];
	struct {
		Elf64_Nhdr header;
		char name[4];
		uint32_t entry;
	} note;
};

static struct elf_kernel *make_elf(struct boot_test *test)
{
	begin(test, ELF_SIZE);
	struct elf_kernel *elf = (struct elf_kernel *)test->file;
	memcpy(elf->header.e_ident, ELFMAG, SELFMAG);
	elf->header.e_ident[EI_CLASS] = ELFCLASS64;
	elf->header.e_ident[EI_DATA] = ELFDATA2LSB;
	elf->header.e_machine = EM_X86_64;
	elf->header.e_type = ET_EXEC;
	elf->header.e_phoff = offsetof(struct elf_kernel, segments);
	elf->header.e_phentsize = sizeof(Elf64_Phdr);
	elf->header.e_phnum = 3;
	elf->segments[0] = (Elf64_Phdr){.p_type = PT_LOAD,
					.p_offset = 0x1000,
					.p_paddr = PREFERRED,
					.p_vaddr = 0xffffffff81000000,
					.p_filesz = 0x1000,
					.p_memsz = 0x1000};
	elf->segments[1] = (Elf64_Phdr){.p_type = PT_LOAD,
					.p_offset = 0x2000,
					.p_paddr = PREFERRED + 0x1000,
					.p_filesz = 0x1000,
					.p_memsz = 2 * MIB};
	elf->segments[2] = (Elf64_Phdr){.p_type = PT_NOTE,
					.p_offset = offsetof(struct elf_kernel, note),
					.p_filesz = sizeof(elf->note)};
	elf->note.header = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 4, .n_type = 18};
	memcpy(elf->note.name, "Xen", 4);
	elf->note.entry = NOTE_ENTRY;
	memset(test->file + 0x1000, 0x90, 0x2000);
	return elf;
}

static void test_pvh(void)
{
	struct boot_test test;
	const uint8_t initrd[4097] = {1, 2, 3};
	make_elf(&test);
	test.boot.initrd = initrd;
	test.boot.initrd_size = sizeof(initrd);
	CHECK_NUMBER(linux_pvh_load(&test.boot, &test.error), 0);
	const uint8_t *all = memory, *info = all + test.boot.start.rbx;
	CHECK_NUMBER(test.boot.start.mode, KERNEL_PROTECTED);
	CHECK_NUMBER(test.boot.start.rip, NOTE_ENTRY);
	CHECK_NUMBER(test.boot.start.cr0, 0x11);
	CHECK_NUMBER(all[PREFERRED + 0x1fff], 0x90);
	CHECK_NUMBER(load(all + test.boot.start.gdt + 0x10, 8), 0x00cf9b000000ffff);
	CHECK_NUMBER(load(info, 4), 0x336ec578);
	CHECK_NUMBER(load(info + 4, 4), 1);
	CHECK_NUMBER(load(info + 12, 4), 1); /* a module */
	CHECK_TEXT((const char *)all + load(info + 24, 8), "console=ttyS0 quiet");
	CHECK_NUMBER(load(info + 32, 8), LINUX_ACPI);
	const uint8_t *module = all + load(info + 16, 8);
	CHECK_NUMBER(load(module + 8, 8), sizeof(initrd));
	CHECK(!memcmp(all + load(module, 8), initrd, sizeof(initrd)));
	const uint8_t *map = all + load(info + 40, 8);
	CHECK_NUMBER(load(info + 48, 4), 2);
	CHECK_NUMBER(load(map + 24, 8), MIB);
	CHECK_NUMBER(load(map + 32, 8), MEMORY - MIB);
	/* Without one. */
	make_elf(&test);
	CHECK_NUMBER(linux_pvh_load(&test.boot, &test.error), 0);
	CHECK_NUMBER(load(info + 12, 4), 0);
}

static void refuse_pvh(struct boot_test *test, int code, const char *words)
{
	CHECK_NUMBER(linux_pvh_load(&test->boot, &test->error), -code);
	if (!CHECK(strstr(test->error.text, words)))
		fprintf(stderr, "it says: %s\n", test->error.text);
}

static void test_bad_elf_kernels(void)
{
	struct boot_test test;
	make_elf(&test)->header.e_ident[EI_CLASS] = ELFCLASS32;
	refuse_pvh(&test, ENOEXEC, "for 32 bits");
	make_elf(&test)->header.e_machine = EM_AARCH64;
	refuse_pvh(&test, ENOEXEC, "for another processor");
	make_elf(&test)->header.e_phnum = 65;
	refuse_pvh(&test, ENOEXEC, "more than 64 parts");
	make_elf(&test)->header.e_phoff = UINT64_MAX - 8;
	refuse_pvh(&test, ENOEXEC, "without a PVH note");
	make_elf(&test);
	test.boot.file_size = 60;
	refuse_pvh(&test, ENOEXEC, "cut off");
	make_elf(&test);
	test.boot.file_size = 0x2fff;
	refuse_pvh(&test, ENOEXEC, "cut off");
	make_elf(&test)->note.header.n_type = 17;
	refuse_pvh(&test, ENOEXEC, "without a PVH note");
	make_elf(&test)->note.header.n_descsz = UINT32_MAX;
	refuse_pvh(&test, ENOEXEC, "without a PVH note");
	make_elf(&test)->note.header.n_namesz = UINT32_MAX;
	refuse_pvh(&test, ENOEXEC, "without a PVH note");
	make_elf(&test)->note.entry = 0x2000000;
	refuse_pvh(&test, ENOEXEC, "names 0x2000000, where it has no code");
	make_elf(&test)->segments[0].p_paddr = 0x7000;
	refuse_pvh(&test, ENOEXEC, "below 1 MiB");
	make_elf(&test)->segments[1].p_memsz = 60 * MIB;
	refuse_pvh(&test, ENOMEM, "--memory");
	make_elf(&test)->segments[1].p_memsz = UINT64_MAX;
	refuse_pvh(&test, ENOMEM, "--memory");
	make_elf(&test)->segments[1].p_filesz = 3 * MIB;
	refuse_pvh(&test, ENOEXEC, "cut off, or damaged");
}

/* ── ACPI ────────────────────────────────────────────────────────────────────────────────────── */

static bool sums_up(const uint8_t *data, size_t length)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + data[i]);
	return !sum;
}

/* A table that an address of the guest has, with a sum of 0; NULL: none. */
static const uint8_t *find_table(const uint8_t *tables, uint64_t address, const char *name)
{
	const uint8_t *table = tables + (address - LINUX_ACPI);
	if (!CHECK(address >= LINUX_ACPI && address < LINUX_ACPI + LINUX_ACPI_SIZE) ||
	    !CHECK(!memcmp(table, name, 4)))
		return NULL;
	CHECK(sums_up(table, load(table + 4, 4)) || !strcmp(name, "FACS"));
	return table;
}

static void test_acpi(void)
{
	uint8_t tables[LINUX_ACPI_SIZE];
	struct acpi_device devices[ACPI_DEVICES_MAX];
	for (uint32_t i = 0; i < ACPI_DEVICES_MAX; i++)
		devices[i] = (struct acpi_device){0xd0000000UL + i * 4096UL, 4096, 5 + i};
	const size_t length =
	    acpi_write(tables, sizeof(tables), LINUX_ACPI, devices, ACPI_DEVICES_MAX);
	CHECK(length && length <= sizeof(tables));
	CHECK(!memcmp(tables, "RSD PTR ", 8) && sums_up(tables, 20) && sums_up(tables, 36));
	const uint8_t *xsdt = find_table(tables, load(tables + 24, 8), "XSDT");
	const uint8_t *fadt = xsdt ? find_table(tables, load(xsdt + 36, 8), "FACP") : NULL;
	if (!fadt)
		return;
	const uint64_t facs = load(fadt + 36, 4);
	CHECK(find_table(tables, facs, "FACS") && facs % 64 == 0);
	CHECK_NUMBER(load(fadt + 64, 4), ACPI_CONTROL_PORT);
	CHECK_NUMBER(fadt[128], ACPI_RESET_VALUE);
	const uint8_t *dsdt = find_table(tables, load(fadt + 40, 4), "DSDT");
	/* Each device once, in order, and its place in its resources. */
	const uint8_t *at = dsdt, *end = dsdt ? dsdt + load(dsdt + 4, 4) : NULL;
	for (uint32_t i = 0; i < ACPI_DEVICES_MAX && at; i++) {
		const uint32_t address = 0xd0000000U + i * 4096;
		at = memmem(at, (size_t)(end - at), "LNRO0005", 8);
		CHECK(at && memmem(at, 48, &address, sizeof(address)));
		at = at ? at + 8 : NULL;
	}
	CHECK(at && !memmem(at, (size_t)(end - at), "LNRO0005", 8));
	/* Too little room. */
	CHECK_NUMBER(acpi_write(tables, length - 1, LINUX_ACPI, devices, ACPI_DEVICES_MAX), 0);
	CHECK_NUMBER(acpi_write(tables, 10, LINUX_ACPI, devices, 0), 0);
}

int main(void)
{
	test_bzimage();
	test_identity();
	test_bad_bzimages();
	test_pvh();
	test_bad_elf_kernels();
	test_acpi();
	return check_status();
}
