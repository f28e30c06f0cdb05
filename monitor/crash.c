/* The crash report; see crash.h. */
#include "crash.h"

#include <ctype.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "isolation.h"

static const struct {
	const char *name;
	int signal;
} exceptions[] = {
    [0] = {"division error", SIGFPE},
    [1] = {"debug exception", SIGTRAP},
    [3] = {"breakpoint", SIGTRAP},
    [4] = {"overflow", SIGSEGV},
    [5] = {"bound range exceeded", SIGSEGV},
    [6] = {"invalid instruction", SIGILL},
    [7] = {"no floating-point unit", SIGFPE},
    [8] = {"double fault", SIGSEGV},
    [11] = {"segment not present", SIGBUS},
    [12] = {"stack segment fault", SIGBUS},
    [13] = {"general protection fault", SIGSEGV},
    [14] = {"page fault", SIGSEGV},
    [16] = {"floating-point error", SIGFPE},
    [17] = {"misaligned access", SIGBUS},
    [19] = {"vector floating-point error", SIGFPE},
    [MACHINE_VECTOR_FORBIDDEN] = {"forbidden system call, past the library OS", SIGSYS},
    [MACHINE_VECTOR_ASTRAY] =
	{"it went past the library OS and ended its process or answers no more", SIGSEGV},
};

#define EXCEPTION_COUNT	     (sizeof(exceptions) / sizeof(exceptions[0]))
#define VECTOR_PAGE_FAULT    14
#define PROCESSOR_VECTORS    32 /* beyond, there are no registers to tell */
#define PAGE_FAULT_PRESENT   1U
#define PAGE_FAULT_WRITE     2U
#define PAGE_FAULT_EXECUTION 16U

#define SYMBOL_SHOWN 128 /* characters of a symbol's name */

int crash_signal(uint64_t vector)
{
	return vector < EXCEPTION_COUNT && exceptions[vector].signal ? exceptions[vector].signal
								     : SIGSEGV;
}

struct text {
	char *out;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text->out + text->used, text->size - text->used, format, arguments);
	va_end(arguments);
	if (length > 0)
		text->used += (size_t)length;
	if (text->used >= text->size)
		text->used = text->size - 1;
}

/* Names are the program's: only printable characters go on, and not all of a long one. */
static void add_printable(struct text *text, const char *name, size_t limit)
{
	for (size_t i = 0; i < limit && name[i]; i++)
		add(text, "%c", isprint((unsigned char)name[i]) ? name[i] : '?');
}

static const char *access_of(const struct guest_fault *fault)
{
	if (fault->error_code & PAGE_FAULT_EXECUTION)
		return "executing";
	return fault->error_code & PAGE_FAULT_WRITE ? "writing" : "reading";
}

/* What lies at an address that is not mapped, where its place tells. */
static const char *explain_address(uint64_t address)
{
	if (address < 65536)
		return " (a null pointer)";
	if (address < GUEST_STACK_TOP && address > GUEST_STACK_TOP - (64UL << 20))
		return " (below the stack: it overflowed)";
	return "";
}

static void add_place(struct text *text, const struct guest_fault *fault,
		      const struct elf_file *program, const char *program_name,
		      uint64_t program_base, const struct elf_file *library_os)
{
	uint64_t offset = 0;
	bool in_library = fault->rip >= library_os->low && fault->rip < library_os->high;
	const struct elf_file *file = in_library ? library_os : program;
	const char *name = in_library ? "the library OS" : program_name;
	uint64_t address = in_library ? fault->rip : fault->rip - program_base;
	const char *symbol = elf_file_symbol(file, address, &offset);
	if (symbol) {
		add(text, " at ");
		add_printable(text, symbol, SYMBOL_SHOWN);
		add(text, "+%#lx", offset);
	}
	add(text, " (rip %#lx, %s)", fault->rip, name);
}

/* The log is the guest's: only printable characters go on. */
static void add_log(struct text *text, const char *log)
{
	if (!*log)
		return;
	add(text, "\n  last log: ");
	for (; *log; log++) {
		if (*log == '\n' && log[1])
			add(text, "\n            ");
		else if (isprint((unsigned char)*log))
			add(text, "%c", *log);
	}
}

void crash_report(char *out, size_t size, const struct guest_fault *fault,
		  const struct elf_file *program, const char *program_name, uint64_t program_base,
		  const struct elf_file *library_os, const char *log)
{
	struct text text = {out, size, 0};
	const char *name = fault->vector < EXCEPTION_COUNT ? exceptions[fault->vector].name : NULL;
	add(&text, "%s crashed: %s", program_name, name ? name : "unexpected exception");
	if (fault->vector < PROCESSOR_VECTORS) {
		if (fault->vector == VECTOR_PAGE_FAULT)
			add(&text, " %s %#lx%s", access_of(fault), fault->address,
			    fault->error_code & PAGE_FAULT_PRESENT
				? " (not allowed there)"
				: explain_address(fault->address));
		add_place(&text, fault, program, program_name, program_base, library_os);
		add(&text,
		    "\n  exception %lu, error code %#lx, cr2 %#lx, rflags %#lx"
		    "\n  rax %016lx rbx %016lx rcx %016lx rdx %016lx"
		    "\n  rsi %016lx rdi %016lx rbp %016lx rsp %016lx"
		    "\n  r8  %016lx r9  %016lx r10 %016lx r11 %016lx"
		    "\n  r12 %016lx r13 %016lx r14 %016lx r15 %016lx",
		    fault->vector, fault->error_code, fault->address, fault->rflags, fault->rax,
		    fault->rbx, fault->rcx, fault->rdx, fault->rsi, fault->rdi, fault->rbp,
		    fault->rsp, fault->r8, fault->r9, fault->r10, fault->r11, fault->r12,
		    fault->r13, fault->r14, fault->r15);
	}
	add_log(&text, log);
}
