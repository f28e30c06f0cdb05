/* The text of one traced system call, much as strace(1) has it:
 *
 *     time in microseconds  [thread] name(arguments) = result <microseconds it took>
 *
 * The thread is left out where it is the program's first.
 */
#ifndef MAYFLY_MONITOR_TRACE_LINE_H
#define MAYFLY_MONITOR_TRACE_LINE_H

#include <stddef.h>
#include <stdint.h>

/* Six paths of which each byte needs four characters, and the rest. */
#define TRACE_LINE_MAX 8192

/* Writes the line of the record at `data`, of which at most `available` bytes are there, with its
 * newline and a NUL. Anything may stand there: what is cut off or contradicts itself gives 0, else
 * the result is the bytes that the record takes up. */
size_t trace_line(const uint8_t *data, size_t available, uint64_t origin_ns, char *line,
		  size_t size);

/* The name of the call of a record from which a line was made; NULL: it has none. */
const char *trace_record_call(const uint8_t *data);

#endif
