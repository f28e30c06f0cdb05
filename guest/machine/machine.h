/* The machine as its monitor gives it: what it does for the library OS. */
#ifndef MAYFLY_GUEST_MACHINE_H
#define MAYFLY_GUEST_MACHINE_H

#include <stdint.h>

#include "hypercall.h"

/* Makes a hypercall and returns its result. While it waits for somebody else, the program uses no
 * processor time. */
int64_t machine_hypercall(enum guest_hypercall call, uint64_t first, uint64_t second,
			  uint64_t third);

/* HYPERCALL_MAP: puts `length` bytes of pages at `address` of the mapping area. */
int64_t machine_map(uint64_t address, uint64_t source, uint64_t length, uint32_t protection);

/* GUEST_SPACE_ENTER: goes to a space, which is made with `count` runs first, and drops another. */
int64_t machine_enter_space(uint64_t number, uint64_t count, uint64_t dropped);

/* Ends the request; `status` is the program's exit status. */
__attribute__((noreturn)) void machine_exit(int status);

/* Ends the request as a signal would. */
__attribute__((noreturn)) void machine_abort(int signal);

/* The process that runs is ended by that signal, wherever the library OS is; with the first process
 * the machine. In guest/kernel, where it is known what a process has. */
__attribute__((noreturn)) void process_end_by_signal(int signal);

/* A line for whoever runs the program, in its log: what it cannot do here, or why it ends. */
void machine_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Notes what the program asked for and a machine does not have. Where the program ends with an error,
 * its log has a line about what was noted last. */
void machine_note_refusal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for memory that the program asked for and did not get. */
void machine_note_no_memory(uint64_t bytes);

/* The program ends for a reason that its log has already. */
void machine_forget_refusals(void);

/* A line for the monitor's debug log; costs one branch where nobody listens. Knows what
 * text_format() does. */
void machine_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
