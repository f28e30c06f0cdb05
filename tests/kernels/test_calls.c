/* Calls of deprivileged kernels that need no exit, without a machine: which instructions are rewritten, and
 * stubs, which run here as they would there. */
#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "monitor/isolation/call_box.h"
#include "monitor/kvm/deprivileged/address_space.h"
#include "monitor/kvm/deprivileged/port_io.h"
#include "monitor/kvm/kernel/call_stub.h"

#define MEMORY	     (256UL << 10)
#define ROOT	     0x1000UL
#define CODE	     0x8000UL
#define CALLS	     0x20000UL
#define PORT	     0x501U
#define PORT_END     0x508U
#define FLAGS_STATUS 0xcd5UL /* CF, PF, AF, ZF, SF, DF, OF */

/* ── which instructions ──────────────────────────────────────────────────────────────────────── */

static struct {
	uint8_t *memory;
	struct image image;
	struct kernel_start start;
	struct machine machine;
	struct vcpu vcpu;
	struct deprivileged deprivileged;
	struct kernel kernel;
} played;

/* A kernel that has `code` at CODE; OUT is its last byte. */
static void begin(const char *code, size_t size)
{
	uint64_t *tables = (uint64_t *)(played.memory + ROOT);
	memset(played.memory, 0, MEMORY);
	tables[0] = (ROOT + 0x1000) | 3;
	tables[512] = (ROOT + 0x2000) | 3;
	tables[1024] = (ROOT + 0x3000) | 3;
	for (uint64_t i = 0; i < MEMORY >> 12; i++)
		tables[1536 + i] = i << 12 | 3;
	memcpy(played.memory + CODE, code, size);
	memset(&played.deprivileged, 0, sizeof(played.deprivileged));
	played.deprivileged.cpu.cr3 = ROOT;
	played.deprivileged.cpu.cr0 = CR0_WP;
	played.image.size = MEMORY;
	played.start = (struct kernel_start){
	    .memory = MEMORY, .calls_page = CALLS, .calls_first = PORT, .calls_end = PORT_END};
	played.machine.aside.wanted = true;
	played.kernel = (struct kernel){.way = KERNEL_WAY_DEPRIVILEGED,
					.machine = &played.machine,
					.start = &played.start,
					.image = &played.image,
					.vcpu = &played.vcpu,
					.memory = played.memory,
					.deprivileged = &played.deprivileged};
}

static void trap(uint64_t out, uint64_t port, unsigned times)
{
	kernel_regs(&played.kernel)->rip = out;
	kernel_regs(&played.kernel)->rdx = port;
	for (unsigned i = 0; i < times; i++)
		call_sites_note(&played.kernel);
}

static bool is_rewritten(uint64_t out)
{
	return played.memory[out - 5] == 0xe9;
}

static const char site[] = "\xba\x01\x05\x00\x00\xef"; /* mov $0x501, %edx; out %eax, %dx */
#define OUT (CODE + 5)

static void test_sites(void)
{
	begin(site, 6);
	trap(OUT, PORT, 2);
	CHECK(!is_rewritten(OUT));
	trap(OUT, PORT, 1);
	CHECK(is_rewritten(OUT));
	CHECK_NUMBER(played.memory[OUT], 0xef);
	CHECK(played.memory[CALLS + CALL_BOX_STUBS_OFFSET] != 0);
	begin(site, 6);
	played.machine.aside.wanted = false; /* nobody would serve it */
	trap(OUT, PORT, 9);
	CHECK(!is_rewritten(OUT));
	played.machine.aside.wanted = true;
	trap(OUT, PORT, 1);
	CHECK(is_rewritten(OUT));
	begin(site, 6);
	trap(OUT, 0x1234000000000501, 9); /* the load was not what set RDX */
	CHECK(!is_rewritten(OUT));
	begin("\xba\x02\x05\x00\x00\xef", 6); /* nor with another port */
	trap(OUT, PORT, 9);
	CHECK(!is_rewritten(OUT));
	begin("\xba\x08\x05\x00\x00\xef", 6); /* no call that may be made so */
	trap(OUT, PORT_END, 9);
	CHECK(!is_rewritten(OUT));
	begin("\x89\xf2\x90\x90\x90\xef", 6); /* loaded otherwise */
	trap(OUT, PORT, 9);
	CHECK_NUMBER(played.memory[CODE], 0x89);
	begin(site, 6);
	trap(2, PORT, 9); /* there is nothing before it */
	begin(site, 6);
	played.start.calls_page = 0;
	trap(OUT, PORT, 9);
	CHECK(!is_rewritten(OUT));
}

/* Where the kernel has mapped something else, or nothing, it keeps its code. */
static void test_tables(void)
{
	const struct {
		uint64_t page, entry;
	} tables[] = {{CALLS, 0},
		      {CALLS, CALLS | 1},
		      {CALLS, 0x5000 | 3},
		      {CALLS + CALL_BOX_STUBS_OFFSET, 0},
		      {CALLS + CALL_BOX_STUBS_OFFSET, 0x5000 | 3},
		      {CALLS + CALL_BOX_STUBS_OFFSET, MEMORY | 3}};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		begin(site, 6);
		((uint64_t *)(played.memory + ROOT))[1536 + tables[i].page / 4096] =
		    tables[i].entry;
		trap(OUT, PORT, 9);
		CHECK(!is_rewritten(OUT));
	}
}

/* Whatever the kernel says of it, stubs stay on their page. */
static void test_room(void)
{
	begin(site, 6);
	struct call_box *box = (struct call_box *)(played.memory + CALLS);
	box->stub_count = CALL_STUBS_MAX - 1;
	trap(OUT, PORT, 9);
	CHECK(is_rewritten(OUT));
	CHECK_NUMBER(box->stub_count, CALL_STUBS_MAX);
	memcpy(played.memory + CODE + 64, site, 6);
	trap(OUT + 64, PORT, 9);
	CHECK(!is_rewritten(OUT + 64));
	box->stub_count = UINT32_MAX;
	memcpy(played.memory + CODE + 128, site, 6);
	trap(OUT + 128, PORT, 9);
	CHECK(!is_rewritten(OUT + 128));
}

/* ── stubs ───────────────────────────────────────────────────────────────────────────────────── */

#define STUB_AREA      0x30000000UL
#define STUB_AREA_SIZE (3UL * 4096)

static struct call_box *const box = (struct call_box *)STUB_AREA;

struct registers {
	uint64_t rax, rcx, rdx, flags;
	uint64_t answered; /* it went on behind the OUT */
};

/* In the place of the OUT there is a return to the first label, and behind it one to the second. */
static const char place_of_out[] = "\xc3\x48\x8d\x64\x24\x08\xc3";

static struct registers enter(uint64_t entry, struct registers registers)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n"
			 "lea 1f(%%rip), %%r8\n"
			 "lea 2f(%%rip), %%r9\n"
			 "push %%r9\n"
			 "push %%r8\n"
			 "push %[flags]\n"
			 "popfq\n"
			 "jmp *%[entry]\n"
			 "1: lea 8(%%rsp), %%rsp\n"
			 "mov $0, %[answered]\n"
			 "jmp 3f\n"
			 "2: mov $1, %[answered]\n"
			 "3: pushfq\n"
			 "pop %[flags]\n"
			 "cld\n"
			 "lea 128(%%rsp), %%rsp\n"
			 : "+a"(registers.rax), "+c"(registers.rcx), "+d"(registers.rdx),
			   [flags] "+b"(registers.flags), [answered] "=&r"(registers.answered)
			 : [entry] "r"(entry)
			 : "r8", "r9", "memory", "cc");
	return registers;
}

/* The stub changes nothing but EDX; returns whether it went on behind the OUT. */
static bool run_stub(uint64_t seed)
{
	const struct registers before = {.rax = seed * 0x9e3779b97f4a7c15,
					 .rcx = ~seed * 0x9e3779b97f4a7c15,
					 .rdx = ~0UL,
					 .flags = (seed * 0x9e37 & FLAGS_STATUS) | 2};
	const struct registers after = enter(STUB_AREA + CALL_BOX_STUBS_OFFSET, before);
	CHECK_NUMBER(after.rax, before.rax);
	CHECK_NUMBER(after.rcx, before.rcx);
	CHECK_NUMBER(after.rdx, PORT);
	CHECK_NUMBER(after.flags & FLAGS_STATUS, before.flags & FLAGS_STATUS);
	return after.answered;
}

/* Gives each call that is posted the answer that the test wants. */
struct server {
	atomic_bool over;
	_Atomic uint32_t answer;
	_Atomic uint32_t value;
};

static void *answer(void *context)
{
	struct server *self = context;
	while (!atomic_load(&self->over)) {
		const struct call_box_call call = call_box_look(box);
		if (atomic_load(&box->state) != CALL_BOX_POSTED)
			continue;
		atomic_store(&self->value, call.port == PORT ? call_box_look(box).value : 0);
		atomic_store(&box->state, atomic_load(&self->answer));
	}
	return NULL;
}

static void test_stub(void)
{
	struct server server = {.answer = CALL_BOX_ANSWERED};
	pthread_t thread;
	uint8_t *area = mmap((void *)STUB_AREA, STUB_AREA_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (!CHECK(area == (uint8_t *)STUB_AREA))
		return;
	memcpy(area + 8192, place_of_out, sizeof(place_of_out));
	CHECK(call_stub_write(area + CALL_BOX_STUBS_OFFSET, STUB_AREA,
			      STUB_AREA + CALL_BOX_STUBS_OFFSET, PORT, STUB_AREA + 8192));
	/* Nobody is there. */
	for (uint64_t i = 0; i < 64; i++)
		CHECK(!run_stub(i));
	CHECK_NUMBER(box->state, CALL_BOX_EMPTY);
	/* Somebody should be, and is not. */
	atomic_store(&box->awake, 1);
	atomic_store(&box->patience, 1000);
	for (uint64_t i = 0; i < 64; i++)
		CHECK(!run_stub(i));
	CHECK_NUMBER(box->state, CALL_BOX_POSTED);
	/* Somebody is. On a busy machine a stub may lose its patience nevertheless. */
	atomic_store(&box->state, CALL_BOX_EMPTY);
	atomic_store(&box->patience, UINT32_MAX);
	CHECK_NUMBER(pthread_create(&thread, NULL, answer, &server), 0);
	for (uint64_t i = 0; i < 64; i++) {
		while (!run_stub(i))
			;
		CHECK_NUMBER(box->state, CALL_BOX_EMPTY);
		CHECK_NUMBER(server.value, (uint32_t)(i * 0x9e3779b97f4a7c15));
	}
	atomic_store(&server.answer, CALL_BOX_REFUSED);
	for (uint64_t i = 0; i < 64; i++)
		CHECK(!run_stub(i));
	atomic_store(&server.over, true);
	pthread_join(thread, NULL);
	/* What is too far away. */
	uint8_t stub[CALL_STUB_SIZE];
	CHECK(!call_stub_write(stub, CALL_BOX_LIMIT, CODE, PORT, CODE));
	CHECK(!call_stub_write(stub, CALLS, CODE, PORT, 1UL << 33));
	munmap(area, STUB_AREA_SIZE);
}

int main(void)
{
	played.memory = calloc(1, MEMORY);
	played.vcpu = (struct vcpu){.fd = -1, .run = calloc(1, 8192)};
	if (!CHECK(played.memory && played.vcpu.run))
		return check_status();
	test_sites();
	test_tables();
	test_room();
	test_stub();
	free(played.vcpu.run);
	free(played.memory);
	return check_status();
}
