/* The torture kernel: interrupts of a timer. */
#include "kernel.h"
#include "torture.h"

#define PIC_MAIN    0x20
#define PIC_OTHER   0xa0
#define PIT_COUNTER 0x40
#define PIT_MODE    0x43
#define TIMER_COUNT 2000 /* 1.7 ms */
#define POLLS_MAX   2000000UL
#define LOOPS_MAX   (1UL << 32)

static void set_up_controllers(void)
{
	out8(PIC_MAIN, 0x11);
	out8(PIC_OTHER, 0x11);
	out8(PIC_MAIN + 1, VECTOR_TIMER);
	out8(PIC_OTHER + 1, VECTOR_TIMER + 8);
	out8(PIC_MAIN + 1, 4);
	out8(PIC_OTHER + 1, 2);
	out8(PIC_MAIN + 1, 1);
	out8(PIC_OTHER + 1, 1);
	out8(PIC_MAIN + 1, 0xfe);
	out8(PIC_OTHER + 1, 0xff);
}

/* One interrupt, by mode 0. */
static void start_timer(void)
{
	out8(PIT_MODE, 0x30);
	out8(PIT_COUNTER, TIMER_COUNT & 0xff);
	out8(PIT_COUNTER, TIMER_COUNT >> 8);
}

/* Waits until the controller has the interrupt, which is kept out. */
static void wait_for_request(void)
{
	for (uint64_t i = 0; i < POLLS_MAX; i++) {
		out8(PIC_MAIN, 0x0a);
		if (in8(PIC_MAIN) & 1)
			return;
	}
	print("no request\n");
}

static void start_and_wait(void)
{
	start_timer();
	wait_for_request();
}

/* Interrupts that an emulated processor lets into the shadow (emulation.h) are asked for again. */
static void put_back(void)
{
	if (!shadow_ticks)
		return;
	ticks -= shadow_ticks;
	start_and_wait();
	shadow_ticks = 0;
}

void torture_interrupts(void)
{
	uint64_t before;
	ticks = 0;
	interrupts_off();
	set_up_controllers();
	show("mask", in8(PIC_MAIN + 1));
	start_and_wait();
	show("kept out", ticks);
	__asm__ volatile("sti; nop; nop; nop; nop; cli");
	show("let in by sti", ticks);
	start_and_wait();
	__asm__ volatile("sti; jmp 1f\n1: nop; cli");
	show("by sti that traps", ticks);
	start_and_wait();
	shadow_ticks = 0;
	__asm__ volatile("sti; cli; nop; nop; nop");
	put_back();
	show("not between sti and cli", ticks);
	__asm__ volatile("sti; cli; jmp 1f\n1:");
	put_back();
	show("nor where they trap", ticks);
	__asm__ volatile("pushq $0x202; popfq; nop; nop; nop; nop; cli" : : : "cc", "memory");
	show("by popf", ticks);
	start_and_wait();
	__asm__ volatile("pushq $0x202; popfq; jmp 1f\n1: nop; cli" : : : "cc", "memory");
	show("by popf that cannot be moved", ticks);
	start_and_wait();
	__asm__ volatile("mov %%rsp, %%rcx; pushq $0x10; push %%rcx; pushq $0x202; pushq $8; "
			 "lea 1f(%%rip), %%rax; push %%rax; iretq\n1: nop; cli"
			 :
			 :
			 : "rax", "rcx", "memory");
	show("by iretq", ticks);
	start_timer();
	__asm__ volatile("sti; hlt; cli");
	show("by hlt", ticks);
	start_and_wait();
	__asm__ volatile("sti; hlt; cli");
	show("by hlt, when it was there before", ticks);
	/* Read first: where the host is slow, the interrupt comes before the loop. */
	before = ticks;
	start_timer();
	interrupts_on();
	for (uint64_t i = 0; i < LOOPS_MAX && ticks == before; i++)
		__asm__ volatile("pause");
	interrupts_off();
	show("in a loop", ticks);
	before = ticks;
	start_timer();
	interrupts_on();
	for (uint64_t i = 0; i < LOOPS_MAX && ticks == before; i++)
		__asm__ volatile("cli; nop; nop; nop; nop; pushfq; pop %%rax; nop; nop; nop; sti; "
				 "nop; nop; nop; nop"
				 :
				 :
				 : "rax", "cc");
	interrupts_off();
	show("in a loop of cli and sti", ticks);
	show("handler's interrupt flag", caught.count);
}
