/* The crash report: what a person needs to find out why a program fell. */
#ifndef MAYFLY_MONITOR_CRASH_H
#define MAYFLY_MONITOR_CRASH_H

#include <stddef.h>

#include "mayfly/guest_abi.h"
#include "monitor/elf/elf_file.h"

/* The program that ran. */
struct crash_program {
	const char *name;
	const struct elf_file *file; /* NULL: nothing is known of it but its name */
	uint64_t base;		     /* where it was loaded */
};

/* Writes a report of several lines into `out`. `log`: the last of the program's standard error. */
void crash_report(char *out, size_t size, const struct guest_fault *fault,
		  const struct crash_program *program, const struct elf_file *library_os,
		  const char *log);

#endif
