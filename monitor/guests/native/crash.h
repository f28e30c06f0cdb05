/* The crash report: what a person needs to find out why a program fell. */
#ifndef MAYFLY_MONITOR_CRASH_H
#define MAYFLY_MONITOR_CRASH_H

#include <stddef.h>

#include "mayfly/guest_abi.h"
#include "monitor/elf/elf_file.h"

/* Writes a report of several lines into `out`. `program_base`: load base of the program; `log`: the
 * last of its standard error. */
void crash_report(char *out, size_t size, const struct guest_fault *fault,
		  const struct elf_file *program, const char *program_name, uint64_t program_base,
		  const struct elf_file *library_os, const char *log);

#endif
