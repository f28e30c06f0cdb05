/* The crash report; see crash.h. */
#include "crash.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "monitor/x86_64/exceptions.h"

#define SYMBOL_SHOWN  128 /* characters of a symbol's name */
#define NAME_SHOWN    4096
#define REGISTERS_MAX 1024

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

/* What an address that is not mapped is likely to be, as far as it can be told by its place. */
static const char *explain_address(uint64_t address)
{
	if (address < 65536)
		return " (a null pointer)";
	if (address < GUEST_STACK_TOP && address > GUEST_STACK_TOP - (64UL << 20))
		return " (below the stack: it overflowed)";
	return "";
}

static void add_place(struct text *text, const struct guest_fault *fault,
		      const struct crash_program *program, const struct elf_file *library_os)
{
	uint64_t offset = 0;
	bool in_library = fault->rip >= library_os->low && fault->rip < library_os->high;
	const struct elf_file *file = in_library ? library_os : program->file;
	uint64_t address = in_library ? fault->rip : fault->rip - program->base;
	const char *symbol = file ? elf_file_symbol(file, address, &offset) : NULL;
	if (symbol) {
		add(text, " at ");
		add_printable(text, symbol, SYMBOL_SHOWN);
		add(text, "+%#lx", offset);
	}
	add(text, " (rip %#lx, ", fault->rip);
	add_printable(text, in_library ? "the library OS" : program->name, NAME_SHOWN);
	add(text, ")");
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
		  const struct crash_program *program, const struct elf_file *library_os,
		  const char *log)
{
	struct text text = {out, size, 0};
	add_printable(&text, program->name, NAME_SHOWN);
	add(&text, " crashed: %s", exception_name(fault->vector));
	if (exception_has_registers(fault->vector)) {
		char registers[REGISTERS_MAX];
		bool mapped;
		const char *access = exception_access(fault, &mapped);
		if (access)
			add(&text, " %s %#lx%s", access, fault->address,
			    mapped ? " (not allowed there)" : explain_address(fault->address));
		add_place(&text, fault, program, library_os);
		exception_describe_registers(registers, sizeof(registers), fault);
		add(&text, "%s", registers);
	}
	add_log(&text, log);
}
