/* Guests for the privileged ring, in the way that this host offers: what they do to their processor
 * and what they see of it must not depend on that. */
#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>

#include "emulation.h"
#include "rig.h"
#include "sizes/sizes.h"

#define TICKS_MAX   2000 /* of a timer that comes so often that the guest might never get on */
#define MILLISECOND 1000000ULL

/* CPUID 1, ECX: SSE3, SSSE3, SSE4.1, SSE4.2, XSAVE, AVX. */
#define VECTOR_FEATURES 0x14180201U

static void test_entry(void)
{
	struct kernel_rig rig;
	const uint64_t expected[] = {0x11, 0x13, 0x12, 0x14, 0x80010031, KERNEL_ROOT, 0x10620};
	if (rig_begin(&rig, kernel_entry)) {
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), KERNEL_STACK);
		for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
			CHECK_REPORT(&rig, expected[i]);
		CHECK_REPORT(&rig, 0xd00);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
		CHECK(rig.exit.is_final);
		CHECK(isolation_kvm.memory(rig.machine, 0, RIG_MEMORY) != NULL);
		CHECK(isolation_kvm.memory(rig.machine, 1, RIG_MEMORY) == NULL);
		CHECK(isolation_kvm.memory(rig.machine, UINT64_MAX, 2) == NULL);
	}
	rig_close(&rig);
}

static void check_fault(struct kernel_rig *rig, uint64_t vector, uint64_t code, uint64_t address)
{
	CHECK_REPORT(rig, vector);
	CHECK_REPORT(rig, code);
	CHECK_REPORT(rig, address);
	rig_report(rig, MACHINE_CONTINUE);
}

static void test_faults(bool is_ring0)
{
	struct kernel_rig rig;
	const struct {
		uint64_t vector, code, address, behind;
	} faults[] = {
	    {6, 0, KERNEL_NO_EXECUTE, 0},
	    {14, 0, KERNEL_NOWHERE, 0},
	    {14, 2, KERNEL_NOWHERE + 8, 0},
	    {14, 3, KERNEL_READ_ONLY, 0},
	    {14, 0x11, KERNEL_NO_EXECUTE, UINT64_MAX},
	    {3, 0, KERNEL_NO_EXECUTE, 1},
	    {0x30, 0, KERNEL_NO_EXECUTE, 2},
	    {13, 0xff * 8 + 2, KERNEL_NO_EXECUTE, 0},
	    {0, 0, KERNEL_NO_EXECUTE, 0},
	    {13, 0, KERNEL_NO_EXECUTE, 0},
	    {13, 0, KERNEL_NO_EXECUTE, 0},
	    {13, 0x100, KERNEL_NO_EXECUTE, 0},
	    {13, 0, KERNEL_NO_EXECUTE, 0},
	    {11, 0x40, KERNEL_NO_EXECUTE, 0},
	    {1, 0, KERNEL_NO_EXECUTE, 1},
	};
	if (rig_begin(&rig, kernel_faults)) {
		enum machine_entry entry = MACHINE_CONTINUE;
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 99);
		/* Straight from a port to what may not be executed. */
		check_fault(&rig, 14, 0x11, KERNEL_NO_EXECUTE);
		for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
			bool good = CHECK_NUMBER(rig_report(&rig, entry), faults[i].vector);
			const uint64_t code = rig_report(&rig, MACHINE_CONTINUE);
			/* Emulated processors get the code of an INT without a gate wrong. */
			good &= CHECK(code == faults[i].code ||
				      (is_ring0 && faults[i].code == 0xff * 8 + 2));
			good &= CHECK_REPORT(&rig, faults[i].address);
			const uint64_t behind = rig_report(&rig, MACHINE_CONTINUE);
			if (faults[i].behind != UINT64_MAX)
				good &= CHECK_NUMBER(behind, faults[i].behind);
			if (!good)
				fprintf(stderr, "  fault %zu\n", i);
			entry = MACHINE_CONTINUE;
		}
		CHECK_REPORT(&rig, 99);
	}
	rig_close(&rig);
}

/* A machine that starts again does so with registers as a new one. */
static void test_fresh(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_fresh)) {
		for (int round = 0; round < 3; round++) {
			CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0);
			CHECK_REPORT(&rig, 0);
			CHECK_REPORT(&rig, 0x1f80);
			CHECK_REPORT(&rig, 0);
			CHECK_REPORT(&rig, 1);
			rig_reset(&rig);
		}
	}
	rig_close(&rig);
}

static void answer(struct kernel_rig *rig, uint32_t size, uint32_t value)
{
	CHECK(rig_run(rig, MACHINE_CONTINUE) == MACHINE_PORT);
	CHECK(!rig->exit.access.is_write);
	CHECK_NUMBER(rig->exit.access.address, KERNEL_PORT_READ);
	CHECK_NUMBER(rig->exit.access.size, size);
	memcpy(rig->exit.access.data, &value, size);
}

/* Opens a guest whose code may be rewritten, and makes a clone. */
static bool begin_adapted(struct kernel_rig *rig, const char *guest, const char *end)
{
	return rig_open(rig, guest) && rig_adapt(rig, guest, end) && rig_create(rig, true);
}

static void test_instructions(void)
{
	struct kernel_rig rig;
	const uint64_t expected[] = {0x50620,  5,	 0x1234, 0x400, 0x777,
				     0x222000, 0x111000, 1,	 0,	0x1c80};
	if (begin_adapted(&rig, kernel_instructions, kernel_instructions_end)) {
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0x80010031);
		for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
			if (!CHECK_REPORT(&rig, expected[i]))
				fprintf(stderr, "  report %zu\n", i);
		answer(&rig, 1, 0xaa);
		CHECK_REPORT(&rig, 0x7fffffaa);
		answer(&rig, 2, 0xbbcc);
		CHECK_REPORT(&rig, 0x7fffbbcc);
		answer(&rig, 4, 0xddeeff01);
		CHECK_REPORT(&rig, 0x0ddeeff0);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
	}
	rig_close(&rig);
}

static void test_identity(void)
{
	struct kernel_rig rig;
	const uint64_t expected[] = {1, 1, 0x40000010, 0, 0, 0, 1U << 27, 1, 0};
	const uint64_t more[] = {0, 0, 3, 0, 0, 0xa20fa20f, 1};
	uint32_t eax, ebx, ecx, edx;
	__cpuid(1, eax, ebx, ecx, edx);
	if (begin_adapted(&rig, kernel_identify, kernel_identify_end)) {
		for (int round = 0; round < 2; round++) {
			CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0);
			for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
				if (!CHECK_REPORT(&rig, expected[i]))
					fprintf(stderr, "  report %zu\n", i);
			const uint64_t vectors = rig_report(&rig, MACHINE_CONTINUE);
			if (!rig_is_ring0())
				CHECK_NUMBER(vectors & VECTOR_FEATURES, ecx & VECTOR_FEATURES);
			for (size_t i = 0; i < ARRAY_SIZE(more); i++)
				if (!CHECK_REPORT(&rig, more[i]))
					fprintf(stderr, "  another report %zu\n", i);
			CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
			rig_reset(&rig);
		}
	}
	rig_close(&rig);
}

/* Where nothing may be rewritten, CPUID shows what it is said to show. */
static void test_plain_identity(void)
{
	struct kernel_rig rig;
	struct error error = {0};
	const char *way = isolation_kvm.kernel_way(&error);
	if (CHECK(way) && rig_begin(&rig, kernel_identify)) {
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0);
		CHECK_REPORT(&rig, !strstr(way, "CPUID shows the host's"));
		rig_close(&rig);
	}
}

static void test_segments(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_segments)) {
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0x8b16); /* busy */
		CHECK_REPORT(&rig, 1);
		CHECK_REPORT(&rig, 2);
		CHECK_REPORT(&rig, 0x12345678);
		CHECK_REPORT(&rig, KERNEL_STACK - 0x800);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
		CHECK(!rig.exit.is_final); /* its flags let interrupts in */
	}
	rig_close(&rig);
}

/* However many bytes come at once. */
static void take_string(struct kernel_rig *rig, enum machine_entry entry, const char *expected)
{
	size_t taken = 0, length = strlen(expected);
	while (taken < length) {
		if (!CHECK(rig_run(rig, entry) == MACHINE_PORT) ||
		    !CHECK_NUMBER(rig->exit.access.address, KERNEL_PORT_STRING) ||
		    !CHECK(rig->exit.access.is_write && rig->exit.access.size == 1 &&
			   rig->exit.access.count <= length - taken))
			return;
		CHECK(!memcmp(rig->exit.access.data, expected + taken, rig->exit.access.count));
		taken += rig->exit.access.count;
		entry = MACHINE_CONTINUE;
	}
}

static void test_strings(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_strings)) {
		take_string(&rig, MACHINE_START, "hello");
		CHECK_REPORT(&rig, 0);
		for (uint32_t read = 0; read < 3;) {
			if (!CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_PORT))
				break;
			for (uint32_t i = 0; i < rig.exit.access.count; i++, read++)
				memcpy(rig.exit.access.data + 4UL * i, &(uint32_t){0x100 + read},
				       4);
		}
		CHECK_REPORT(&rig, KERNEL_DATA + 0xff0 + 12);
		CHECK_REPORT(&rig, 0x101);
		take_string(&rig, MACHINE_CONTINUE, "ol");
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
	}
	rig_close(&rig);
}

static void test_paging(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_paging)) {
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0x51);
		CHECK_REPORT(&rig, 0x52);
		check_fault(&rig, 14, 0, KERNEL_NOWHERE);
		check_fault(&rig, 14, 3, KERNEL_NOWHERE);
		CHECK_REPORT(&rig, 0x53);
		check_fault(&rig, 14, 3, KERNEL_NOWHERE);
		check_fault(&rig, 14, 0x11, KERNEL_NOWHERE);
		CHECK_REPORT(&rig, 0x53);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
	}
	rig_close(&rig);
}

static void test_device(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_device)) {
		CHECK(rig_run(&rig, MACHINE_START) == MACHINE_MEMORY);
		CHECK(rig.exit.access.is_write && rig.exit.access.size == 4);
		CHECK_NUMBER(rig.exit.access.address, KERNEL_DEVICE + 0x70);
		CHECK(!memcmp(rig.exit.access.data, &(uint32_t){0x12345678}, 4));
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_MEMORY);
		CHECK(!rig.exit.access.is_write);
		CHECK_NUMBER(rig.exit.access.address, KERNEL_DEVICE + 0x74);
		memcpy(rig.exit.access.data, &(uint32_t){0xaabbccdd}, 4);
		CHECK_REPORT(&rig, 0xaabbccdd);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_MEMORY);
		CHECK_NUMBER(rig.exit.access.size, 1);
		*rig.exit.access.data = 0x7f;
		CHECK_REPORT(&rig, 0x7f);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
	}
	rig_close(&rig);
}

/* Drivers read why a device interrupts, and write what they have read. */
static void test_device_writes(void)
{
	static const struct {
		uint64_t offset;
		uint32_t size;
		uint64_t data;
	} writes[] = {{0x64, 4, 0x81828384}, {0x68, 1, 0x84}, {0x6a, 2, 0x1234}, {0x70, 8, ~1UL}};
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_device_writes)) {
		for (size_t i = 0; i <= ARRAY_SIZE(writes); i++) {
			CHECK(rig_run(&rig, i ? MACHINE_CONTINUE : MACHINE_START) ==
			      MACHINE_MEMORY);
			CHECK_NUMBER(rig.exit.access.address, KERNEL_DEVICE + 0x60);
			CHECK(!rig.exit.access.is_write);
			memcpy(rig.exit.access.data, &(uint32_t){0x81828384}, 4);
			if (i == ARRAY_SIZE(writes))
				break;
			CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_MEMORY);
			CHECK_NUMBER(rig.exit.access.address, KERNEL_DEVICE + writes[i].offset);
			CHECK(rig.exit.access.is_write && rig.exit.access.count == 1);
			CHECK_NUMBER(rig.exit.access.size, writes[i].size);
			CHECK(!memcmp(rig.exit.access.data, &writes[i].data, writes[i].size));
		}
		CHECK_REPORT(&rig, 0x81828384);
	}
	rig_close(&rig);
}

static void test_marks(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_marks)) {
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 1);
		CHECK_REPORT(&rig, 0x20);
		CHECK_REPORT(&rig, 0x60);
	}
	rig_close(&rig);
}

static void test_interrupts(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_interrupts)) {
		CHECK(rig_run(&rig, MACHINE_START) == MACHINE_HALT);
		CHECK(!rig.exit.is_final);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT); /* none came */
		rig.pending = 1;
		CHECK_REPORT(&rig, 1);
		CHECK_NUMBER(rig.pending, 0);
		CHECK_REPORT(&rig, 7);
		/* One that comes while the guest computes, by a tick; the other stays out. */
		rig.machine->interrupts.wake_ns = clock_now_ns() + 2 * MILLISECOND;
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_TICK);
		rig.machine->interrupts.wake_ns = 0;
		rig.pending = 2;
		CHECK_REPORT(&rig, 3);
		CHECK_NUMBER(rig.pending, 0);
		rig.pending = 1;
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
		CHECK(rig.exit.is_final);
		CHECK_NUMBER(rig.pending, 1);
	}
	rig_close(&rig);
}

/* An interrupt that waits comes in as soon as the handler of the one before ends, whoever does the
 * instructions from its last access to a port to IRET. */
static void test_interrupts_at_ports(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_told)) {
		rig.pending = 3;
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 1);
		CHECK_NUMBER(rig.pending, 2);
		CHECK_REPORT(&rig, 2);
		CHECK_NUMBER(rig.pending, 1);
		CHECK_REPORT(&rig, 3);
		CHECK_REPORT(&rig, 0x77);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT && rig.exit.is_final);
	}
	rig_close(&rig);
}

static void test_shadow(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_shadow)) {
		rig.pending = 1;
		const uint64_t seen = rig_report(&rig, MACHINE_START);
		CHECK(seen == 0 || (seen == 1 && emulation_loses_shadows()));
		CHECK_REPORT(&rig, 1);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
	}
	rig_close(&rig);
}

/* Code that is rewritten, with pages of flags that the guest's tables do not have, or not as code, or
 * only to be read. */
static void test_flags(uint64_t kept, uint64_t added)
{
	struct kernel_rig rig;
	if (rig_open(&rig, kernel_flags) && rig_adapt(&rig, kernel_flags, kernel_flags_end)) {
		uint64_t *leaves = (uint64_t *)(rig.image.memory + KERNEL_ROOT + 0x3000);
		for (size_t i = 0; i < 0x10; i++)
			leaves[RIG_FLAGS / 4096 + i] =
			    (leaves[RIG_FLAGS / 4096 + i] & kept) | added;
	}
	for (int round = 0; round < 3 && (rig.machine || rig_create(&rig, true)); round++) {
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0x200);
		CHECK_REPORT(&rig, 0);
		CHECK_REPORT(&rig, 0x3200);
		rig.machine->interrupts.wake_ns = clock_now_ns() + MILLISECOND;
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_TICK);
		rig.machine->interrupts.wake_ns = 0;
		rig.pending = 1;
		CHECK_REPORT(&rig, 5);
		rig.pending = 1;
		CHECK_REPORT(&rig, 2);
		CHECK_NUMBER(rig.pending, 0);
		CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
		rig_reset(&rig);
	}
	rig_close(&rig);
}

/* A guest that is interrupted, most times at a breakpoint that stands for one of its instructions. */
static void test_interrupted_breakpoints(void)
{
	struct kernel_rig rig;
	if (rig_open(&rig, kernel_breakpoints) &&
	    rig_adapt(&rig, kernel_breakpoints, kernel_breakpoints_end) && rig_create(&rig, true)) {
		enum machine_entry entry = MACHINE_START;
		enum machine_stop stop = MACHINE_TICK;
		for (int ticks = 0; stop == MACHINE_TICK; ticks++) {
			rig.machine->interrupts.wake_ns =
			    ticks < TICKS_MAX ? clock_now_ns() + MILLISECOND / 16 : 0;
			stop = rig_run_for(&rig, entry, 60 * NANOSECONDS_PER_SECOND);
			entry = MACHINE_CONTINUE;
			rig.pending = stop == MACHINE_TICK;
		}
		CHECK(stop == MACHINE_PORT);
		CHECK(!memcmp(rig.exit.access.data, &(uint32_t){0}, 4));
		rig.machine->interrupts.wake_ns = 0;
		CHECK_NUMBER(rig_run(&rig, MACHINE_CONTINUE), MACHINE_HALT);
	}
	rig_close(&rig);
}

/* Begins in 32 bits, and goes over to 64. */
static void test_protected(bool adapted)
{
	struct kernel_rig rig;
	if (rig_open(&rig, kernel_protected) &&
	    (!adapted || rig_adapt(&rig, kernel_protected, kernel_protected_end))) {
		rig.start.mode = KERNEL_PROTECTED;
		rig.start.cr0 = 0x11;
		rig.start.cr3 = rig.start.cr4 = rig.start.efer = 0;
		for (int clone = 0; clone < 2 && rig_create(&rig, true); clone++) {
			for (int round = 0; round < 3; round++) {
				CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0x14);
				CHECK_REPORT(&rig, 1);
				CHECK_REPORT(&rig, 0x64);
				check_fault(&rig, 6, 0, 0);
				CHECK_REPORT(&rig, 0x65);
				CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
				CHECK(rig.exit.is_final);
				rig_reset(&rig);
			}
			rig_destroy(&rig);
		}
	}
	rig_close(&rig);
}

/* KVM does not tell which model-specific registers a guest of ring 0 may have written to. */
static void test_model_registers(void)
{
	struct kernel_rig rig;
	if (rig_open(&rig, kernel_model)) {
		rig.start.mode = KERNEL_PROTECTED;
		rig.start.cr0 = 0x11;
		rig.start.cr3 = rig.start.cr4 = rig.start.efer = 0;
		for (int round = 0; round < 2 && (round || rig_create(&rig, true)); round++) {
			CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0);
			CHECK(rig_run(&rig, MACHINE_CONTINUE) == MACHINE_HALT);
			CHECK(rig.exit.is_final);
			rig_reset(&rig);
		}
	}
	rig_close(&rig);
}

static void test_deadline(void)
{
	struct kernel_rig rig;
	if (rig_begin(&rig, kernel_spin)) {
		for (int round = 0; round < 3; round++) {
			CHECK_NUMBER(rig_report(&rig, MACHINE_START), 1);
			const uint64_t begin = clock_now_ns();
			CHECK(rig_run_for(&rig, MACHINE_CONTINUE, 20 * MILLISECOND) ==
			      MACHINE_DEADLINE);
			CHECK(clock_now_ns() - begin >= 20 * MILLISECOND);
			rig_reset(&rig);
		}
	}
	rig_close(&rig);
}

/* Faults that no handler takes, and what cannot be done. */
static void test_ends(void)
{
	const struct {
		const char *guest;
		uint64_t vector; /* 0: it is not known in all ways */
		enum machine_stop stop;
	} ends[] = {
	    {kernel_bare_fault, 0, MACHINE_FAULT}, {kernel_halt, 0, MACHINE_HALT},
	    {kernel_bad_stack, 0, MACHINE_FAULT},  {kernel_wild_root, 0, MACHINE_FAULT},
	    {kernel_circle, 0, MACHINE_FAULT},	   {kernel_bad_idt, 0, MACHINE_FAULT},
	};
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct kernel_rig rig;
		if (rig_begin(&rig, ends[i].guest)) {
			for (int round = 0; round < 3; round++) {
				if (!CHECK(rig_run(&rig, MACHINE_START) == ends[i].stop)) {
					fprintf(stderr, "  end %zu\n", i);
					rig_explain(&rig);
				}
				rig_reset(&rig);
			}
		}
		rig_close(&rig);
	}
}

/* A snapshot of a guest that counts in memory and registers, and clones of it. */
static void test_clones(void)
{
	struct kernel_rig rig;
	struct error error = {0};
	if (rig_open(&rig, kernel_count) && rig_create(&rig, false)) {
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 0x010101);
		CHECK_REPORT(&rig, 0x020202);
		CHECK_NUMBER(isolation_kvm.save(rig.machine, &rig.state, &error), 0);
		CHECK(isolation_kvm.state_is_sound(rig.host, &rig.state));
		rig_destroy(&rig);
		for (int clone = 0; clone < 10 && rig_create(&rig, true); clone++) {
			for (int round = 0; round < 10; round++) {
				CHECK_NUMBER(rig_report(&rig, MACHINE_RESUME), 0x030303);
				CHECK_REPORT(&rig, 0x040404);
				rig_reset(&rig);
			}
			rig_destroy(&rig);
		}
	}
	rig_close(&rig);
}

/* A request that ends at an access to a device: KVM has that half done. The machine is kept all the same,
 * but for an instruction that makes another access, and the next request finds nothing of it. */
static void test_ends_at_access(bool is_ring0)
{
	enum { ACCESSES = 5, SEVERAL = 2 }; /* SEVERAL: the first of two of one instruction */
	struct kernel_rig rig;
	struct error error = {0};
	uint64_t pages;
	if (rig_open(&rig, kernel_doorbell) && rig_create(&rig, false)) {
		CHECK_NUMBER(rig_report(&rig, MACHINE_START), 1);
		CHECK_NUMBER(isolation_kvm.save(rig.machine, &rig.state, &error), 0);
		rig_destroy(&rig);
		const bool is_made = rig_create(&rig, true);
		for (int round = 0; is_made && round < 4 * ACCESSES; round++) {
			const int last = round % ACCESSES;
			for (int access = 0; access <= last; access++) {
				CHECK(rig_run(&rig, access ? MACHINE_CONTINUE : MACHINE_RESUME) ==
				      MACHINE_MEMORY);
				CHECK(access ||
				      !memcmp(rig.exit.access.data, &(uint32_t){0x15}, 4));
				if (access)
					memset(rig.exit.access.data, 0x55, rig.exit.access.size);
			}
			CHECK_NUMBER(isolation_kvm.reset(rig.machine, &pages, &error), 0);
			CHECK((pages == 0) == (is_ring0 || last == SEVERAL));
		}
	}
	rig_close(&rig);
}

/* What a request changes in page tables the next one does not see. */
static void test_clones_of_tables(void)
{
	const struct {
		const char *guest;
		uint64_t first;
	} guests[] = {{kernel_remap, 0x41}, {kernel_table_writer, 0x41}};
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		struct kernel_rig rig;
		struct error error = {0};
		if (!rig_open(&rig, guests[i].guest) || !rig_create(&rig, false)) {
			rig_close(&rig);
			continue;
		}
		rig_report(&rig, MACHINE_START);
		CHECK_NUMBER(isolation_kvm.save(rig.machine, &rig.state, &error), 0);
		rig_destroy(&rig);
		if (rig_create(&rig, true)) {
			for (int round = 0; round < 20; round++) {
				CHECK_NUMBER(rig_report(&rig, MACHINE_RESUME), guests[i].first);
				rig_report(&rig, MACHINE_CONTINUE);
				if (round & 1)
					rig_report(&rig, MACHINE_CONTINUE);
				rig_reset(&rig);
			}
		}
		rig_close(&rig);
	}
}

/* Bytes of a snapshot may be anybody's: what is taken for sound does no harm to the host. */
static void test_damaged_states(bool is_ring0)
{
	struct kernel_rig rig;
	struct error error = {0};
	struct machine_state saved;
	unsigned sound = 0;
	if (!rig_open(&rig, kernel_count) || !rig_create(&rig, false)) {
		rig_close(&rig);
		return;
	}
	rig_report(&rig, MACHINE_START);
	CHECK_NUMBER(isolation_kvm.save(rig.machine, &rig.state, &error), 0);
	saved = rig.state;
	srand(13);
	for (int round = 0; round < 400; round++) {
		rig_destroy(&rig);
		rig.state = saved;
		/* Most of it is vector registers: rather what is before them. */
		for (int i = 0; i < 3; i++)
			rig.state.bytes[(size_t)rand() % (round & 1 ? 1024 : saved.length)] =
			    (uint8_t)rand();
		if (!isolation_kvm.state_is_sound(rig.host, &rig.state) || !rig_create(&rig, true))
			continue;
		sound++;
		const int result =
		    isolation_kvm.run(rig.machine, MACHINE_RESUME, clock_now_ns() + 2 * MILLISECOND,
				      &rig.exit, &error);
		/* A real processor has registers that only KVM can judge. */
		if (!CHECK(!result || is_ring0))
			fprintf(stderr, "  round %d: %s\n", round, error.text);
	}
	CHECK(sound > 20);
	rig.state.length--;
	CHECK(!isolation_kvm.state_is_sound(rig.host, &rig.state));
	rig_close(&rig);
}

int main(void)
{
	setenv("MAYFLY_CACHE", "/dev/null/none", 1); /* for what flags.h remembers */
	struct error error = {0};
	if (isolation_kvm.probe(&error)) {
		fprintf(stderr, "skipped: %s\n", error.text);
		return CHECK_SKIPPED;
	}
	const bool is_ring0 = rig_is_ring0();
	test_entry();
	test_faults(is_ring0);
	test_fresh();
	test_instructions();
	test_identity();
	test_plain_identity();
	test_segments();
	test_strings();
	test_paging();
	test_device();
	test_device_writes();
	test_marks();
	test_interrupts();
	test_interrupts_at_ports();
	if (!is_ring0) /* emulated processors may forget it */
		test_shadow();
	test_flags(0, 0);
	test_flags(~0UL, 1UL << 63);
	test_flags(~2UL, 0);
	test_interrupted_breakpoints();
	test_protected(false);
	test_protected(true);
	test_model_registers();
	test_deadline();
	test_ends();
	test_clones();
	test_ends_at_access(is_ring0);
	test_clones_of_tables();
	test_damaged_states(is_ring0);
	return check_status();
}
