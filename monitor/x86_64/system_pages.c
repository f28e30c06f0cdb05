/* The system pages of a guest; see system_pages.h (SDM 3A, 3.4.5, 6.14 and 7.7). */
#include "system_pages.h"

#include <string.h>

#include "sizes/sizes.h"

#define STUB_SIZE 16

static void build_segments(uint8_t *memory)
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
}

static void build_task_state(uint8_t *memory, const struct port_set *ports)
{
	uint8_t *segment = memory + TSS_OFFSET;
	uint64_t stack_top = SYSTEM_ADDRESS(STACK_OFFSET + GUEST_PAGE_SIZE);
	uint16_t bitmap = TSS_BITMAP_OFFSET;
	memcpy(segment + 4, &stack_top, sizeof(stack_top)); /* RSP0 */
	memcpy(segment + 0x66, &bitmap, sizeof(bitmap));
	/* All ports but the hypercall's are refused, the stubs' too: ring 0 asks nobody. Where IOPL
	 * counts for more than this bitmap, the monitor refuses (kvm/isolation.c). The last byte is
	 * all ones. */
	memset(segment + TSS_BITMAP_OFFSET, 0xff, TSS_BITMAP_SIZE);
	uint8_t *allowed = segment + TSS_BITMAP_OFFSET;
	for (size_t i = 0; ports && i < sizeof(ports->allowed); i++)
		allowed[i] = (uint8_t)~ports->allowed[i];
	for (int width = 0; width < 4; width++) /* OUT of 32 bits touches four ports */
		allowed[(SYSTEM_PORT_HYPERCALL + width) / 8] &=
		    (uint8_t) ~(1 << (SYSTEM_PORT_HYPERCALL + width) % 8);
}

static void build_interrupts(uint8_t *memory)
{
	uint64_t *idt = (uint64_t *)(memory + IDT_OFFSET);
	for (uint64_t vector = 0; vector < SYSTEM_EXCEPTIONS; vector++) {
		uint64_t handler = SYSTEM_ADDRESS(STUBS_OFFSET + vector * STUB_SIZE);
		/* 0x8e: interrupt gate, present, not callable by INT n from ring 3; #BP and #OF
		 * are, as INT3 and INTO are the program's to use. */
		uint64_t type = vector == 3 || vector == 4 ? 0xee : 0x8e;
		idt[2 * vector] = (handler & 0xffff) | SELECTOR_KERNEL_CODE << 16 | type << 40 |
				  (handler >> 16 & 0xffff) << 48;
		idt[2 * vector + 1] = handler >> 32;
		/* out %al, $port; hlt */
		uint8_t stub[] = {0xe6, (uint8_t)(SYSTEM_PORT_EXCEPTION + vector), 0xf4};
		memcpy(memory + STUBS_OFFSET + vector * STUB_SIZE, stub, sizeof(stub));
	}
}

static void build_hypercall_page(uint8_t *memory)
{
	/* out %eax, $port; ret */
	const uint8_t hypercall[] = {0xe7, SYSTEM_PORT_HYPERCALL, 0xc3};
	memcpy(memory + HYPERCALL_OFFSET, hypercall, sizeof(hypercall));
	/* 1: lods; movzbl (%rax), %eax; loop 1b; out %eax, $port; hlt */
	const uint8_t touch[] = {
	    0x48, 0xad, 0x0f, 0xb6, 0x00, 0xe2, 0xf9, 0xe7, SYSTEM_PORT_HYPERCALL, 0xf4};
	memcpy(memory + HYPERCALL_OFFSET + (SYSTEM_TOUCH - GUEST_HYPERCALL), touch, sizeof(touch));
}

void system_pages_build(uint8_t *memory, const struct port_set *ports)
{
	build_segments(memory);
	build_task_state(memory, ports);
	build_interrupts(memory);
	build_hypercall_page(memory);
}

bool system_pages_are_sound(const uint8_t *memory, const struct port_set *ports)
{
	static const struct {
		uint64_t start, end;
	} parts[] = {{0, STACK_OFFSET}, {HYPERCALL_OFFSET, HYPERCALL_OFFSET + GUEST_PAGE_SIZE}};
	uint8_t expected[IMAGE_SYSTEM_SIZE] = {0};
	system_pages_build(expected, ports);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (memcmp(memory + parts[i].start, expected + parts[i].start,
			   parts[i].end - parts[i].start) != 0)
			return false;
	return true;
}

static bool has_port(const struct port_set *ports, uint64_t port)
{
	return ports->allowed[port / 8] >> port % 8 & 1;
}

bool system_pages_use_ports(const struct port_set *ports)
{
	bool used = false;
	for (uint64_t i = 0; i < sizeof(uint32_t); i++)
		used |= has_port(ports, SYSTEM_PORT_HYPERCALL + i);
	for (uint64_t i = 0; i < SYSTEM_EXCEPTIONS; i++)
		used |= has_port(ports, SYSTEM_PORT_EXCEPTION + i);
	return used;
}

void system_pages_read_frame(const uint8_t *memory, uint64_t size, uint64_t rsp,
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
