/* The crash report; see crash.h. */
#include "crash.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "monitor/x86_64/exceptions.h"
#include "util/text.h"

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

/* Names and lines of the log are the program's: what is not text becomes question marks. */
static void add_printable(struct text *text, const char *piece, size_t length)
{
	const size_t before = text->used;
	add(text, "%.*s", (int)length, piece);
	text_make_line(text->out + before, text->used - before);
}

static void add_name(struct text *text, const char *name, size_t limit)
{
	add_printable(text, name, strnlen(name, limit));
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
		add_name(text, symbol, SYMBOL_SHOWN);
		add(text, "+%#lx", offset);
	}
	add(text, " (rip %#lx, ", fault->rip);
	add_name(text, in_library ? "the library OS" : program->name, NAME_SHOWN);
	add(text, ")");
}

static void add_log(struct text *text, const char *log)
{
	const char *before = "\n  last log: ";
	while (*log) {
		const size_t length = strcspn(log, "\n");
		add(text, "%s", before);
		add_printable(text, log, length);
		log += length + (log[length] == '\n');
		before = "\n            ";
	}
}

void crash_report(char *out, size_t size, const struct guest_fault *fault,
		  const struct crash_program *program, const struct elf_file *library_os,
		  const char *log)
{
	struct text text = {out, size, 0};
	add_name(&text, program->name, NAME_SHOWN);
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
