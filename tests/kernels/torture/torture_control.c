/* The torture kernel: descriptor tables, control registers, model-specific registers. */
#include "kernel.h"
#include "torture.h"

#define MODEL_EFER	0xc0000080
#define MODEL_STAR	0xc0000081
#define MODEL_LSTAR	0xc0000082
#define MODEL_MASK	0xc0000084
#define MODEL_FS_BASE	0xc0000100
#define MODEL_GS_BASE	0xc0000101
#define MODEL_KERNEL_GS 0xc0000102

void torture_descriptors(void)
{
	struct __attribute__((packed)) {
		uint64_t offset;
		uint16_t selector;
	} far;
	struct table_pointer pointer;
	uint64_t task = 0;
	load_tables();
	show("busy task", kernel_gdt[3] >> 40 & 15);
	__asm__ volatile("sgdt %0" : "=m"(pointer));
	show("gdt base", pointer.base == (uint64_t)kernel_gdt);
	show("gdt limit", pointer.limit);
	__asm__ volatile("sidt %0" : "=m"(pointer));
	show("idt base", pointer.base == (uint64_t)kernel_idt);
	__asm__ volatile("str %w0" : "+r"(task));
	show("task", task);
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; movw $8, %1; rex.w ljmp *%0\n1:"
			 : "=m"(far.offset), "=m"(far.selector)
			 :
			 : "rax");
	print("far jump\n");
	TRY("code from a data selector", "mov $0x10, %%eax; mov %%eax, %%cs", NOTHING);
	TRY("selector beyond the table", "mov $0x100, %%eax; mov %%eax, %%ds", NOTHING);
	TRY("segment that is not present", "mov $0x38, %%eax; mov %%eax, %%es", NOTHING);
	TRY("null stack segment", "xor %%eax, %%eax; mov %%eax, %%ss", NOTHING);
	__asm__ volatile("mov %0, %%ss" : : "r"(SELECTOR_DATA));
	TRY("task that is busy", "mov $0x18, %%eax; ltr %%ax", NOTHING);
	TRY("local table, none", "xor %%eax, %%eax; lldt %%ax", NOTHING);
}

void torture_control(void)
{
	uint32_t a, b, c, d;
	const uint64_t cr0 = READ_CONTROL(0), cr4 = READ_CONTROL(4);
	show("cr0", cr0 & ~0x10UL);
	WRITE_CONTROL(0, cr0 | 0x22);
	show("cr0", READ_CONTROL(0) & ~0x10UL);
	show("cr4", cr4 & 0x620);
	WRITE_CONTROL(4, cr4 | 0x50620);
	show("cr4", READ_CONTROL(4) & 0x50620);
	WRITE_CONTROL(2, 0x123456789abcUL);
	show("cr2", READ_CONTROL(2));
	show("cr8", READ_CONTROL(8));
	WRITE_CONTROL(8, 5);
	show("cr8", READ_CONTROL(8));
	WRITE_CONTROL(8, 0);
	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
	show("cpuid has osxsave", c >> 27 & 1);
	__asm__ volatile("xsetbv" : : "a"(3), "d"(0), "c"(0));
	TRY("no x87 state", "mov $2, %%eax; xor %%edx, %%edx; xor %%ecx, %%ecx; xsetbv", NOTHING);
	TRY("paging without protection", "mov $0x80000000, %%eax; mov %%rax, %%cr0", NOTHING);
	TRY("reserved bits of cr8", "mov $0x100, %%eax; mov %%rax, %%cr8", NOTHING);
	__asm__ volatile("clts");
	__asm__ volatile("wbinvd");
	print("caches\n");
}

extern uint8_t torture_syscall[];
uint64_t torture_syscall_flags;
__asm__("torture_syscall:\n\t"
	"mov %r11, torture_syscall_flags(%rip)\n\t"
	"jmp *%rcx");

void torture_models(void)
{
	uint64_t value;
	show("efer", read_model(MODEL_EFER));
	write_model(MODEL_EFER, read_model(MODEL_EFER) | 0x801);
	show("efer", read_model(MODEL_EFER));
	write_model(MODEL_FS_BASE, 0x123456);
	show("fs base", read_model(MODEL_FS_BASE));
	__asm__ volatile("rdfsbase %0" : "=r"(value));
	show("fs base", value);
	__asm__ volatile("wrfsbase %0" : : "r"(0x777000UL));
	show("fs base", read_model(MODEL_FS_BASE));
	write_model(MODEL_GS_BASE, 0x111000);
	write_model(MODEL_KERNEL_GS, 0x222000);
	__asm__ volatile("swapgs");
	__asm__ volatile("rdgsbase %0" : "=r"(value));
	show("gs base", value);
	show("other gs base", read_model(MODEL_KERNEL_GS));
	write_model(MODEL_STAR, 0x0008000800000000);
	write_model(MODEL_LSTAR, (uint64_t)torture_syscall);
	write_model(MODEL_MASK, 0x200);
	show("star", read_model(MODEL_STAR));
	show("lstar", read_model(MODEL_LSTAR) == (uint64_t)torture_syscall);
	__asm__ volatile("syscall" : : : "rcx", "r11", "memory");
	show("system call", (torture_syscall_flags & 2) != 0);
	TRY("no such register", "mov $0x12345, %%ecx; rdmsr", NOTHING);
}
