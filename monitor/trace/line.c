/* The text of one traced system call; see line.h. */
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mayfly/guest_abi.h"
#include "names.h"
#include "util/cleanup.h"

#define ARGUMENTS      6
#define FIRST_THREAD   2 /* its calls are shown without its number */
#define ERRNO_MAX      4095
#define ADDRESS_RESULT 0x100000000 /* a larger result is shown as an address */

/* A piece of memory that an argument points to. */
struct piece {
	const uint8_t *bytes; /* NULL: not known */
	size_t length;
	bool more;
};

struct line {
	char *text;
	size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length =
	    vsnprintf(line->text + line->length, line->size - line->length, format, arguments);
	va_end(arguments);
	size_t room = line->size - line->length - 1;
	if (length > 0)
		line->length += (size_t)length < room ? (size_t)length : room;
}

/* In quotes, and nothing in it that a terminal could take for a command. */
static void put_bytes(struct line *line, const struct piece *piece)
{
	static const char escaped[] = "\n\t\r\"\\", letters[] = "ntr\"\\";
	put(line, "\"");
	for (size_t i = 0; i < piece->length; i++) {
		uint8_t byte = piece->bytes[i];
		const char *found = byte ? strchr(escaped, byte) : NULL;
		if (found)
			put(line, "\\%c", letters[found - escaped]);
		else if (byte < ' ' || byte > '~')
			put(line, "\\x%02x", byte);
		else
			put(line, "%c", byte);
	}
	put(line, piece->more ? "\"..." : "\"");
}

static void put_timespec(struct line *line, const struct piece *piece)
{
	struct timespec time;
	memcpy(&time, piece->bytes, sizeof(time));
	put(line, "{%ld.%09ld}", time.tv_sec, time.tv_nsec);
}

static void put_descriptors(struct line *line, const struct piece *piece)
{
	int32_t pair[2];
	memcpy(pair, piece->bytes, sizeof(pair));
	put(line, "[%d, %d]", pair[0], pair[1]);
}

static void put_one_name(struct line *line, const struct trace_names *names, uint64_t value)
{
	for (size_t i = 0; i < names->count; i++) {
		if (names->names[i].value == value) {
			put(line, "%s", names->names[i].name);
			return;
		}
	}
	put(line, "%#lx", value);
}

static void put_names(struct line *line, const struct trace_names *names, uint64_t value)
{
	if (!names->flags) {
		put_one_name(line, names, value);
		return;
	}
	if (!value && names->none && !names->mask) {
		put(line, "%s", names->none);
		return;
	}
	const char *separator = "";
	if (names->mask) {
		put_one_name(line, names, value & names->mask);
		value &= ~names->mask;
		separator = "|";
	}
	for (size_t i = 0; i < names->count && value; i++) {
		uint64_t flag = names->names[i].value;
		/* Values of the mask, and what is no flag, are not looked for again. */
		if (!flag || flag & names->mask || (value & flag) != flag)
			continue;
		put(line, "%s%s", separator, names->names[i].name);
		value &= ~flag;
		separator = "|";
	}
	if (value)
		put(line, "%s%#lx", separator, value);
}

static void put_signal(struct line *line, uint64_t value)
{
	const char *name = value <= INT32_MAX ? sigabbrev_np((int)value) : NULL;
	if (name)
		put(line, "SIG%s", name);
	else
		put(line, "%d", (int)value);
}

static void put_address(struct line *line, uint64_t value)
{
	put(line, value ? "%#lx" : "NULL", value);
}

static void put_argument(struct line *line, char letter, uint64_t value, const struct piece *piece)
{
	const struct trace_names *names = trace_names_of(letter);
	if (names) {
		put_names(line, names, letter == 'O' || letter == 'A' ? (uint32_t)value : value);
		return;
	}
	switch (letter) {
	case 'f':
		put(line, (int32_t)value == AT_FDCWD ? "AT_FDCWD" : "%d", (int32_t)value);
		break;
	case 'd':
		put(line, "%d", (int32_t)value);
		break;
	case 'u':
		put(line, "%lu", value);
		break;
	case 'o':
		put(line, "%#o", (uint32_t)value);
		break;
	case 'S':
		put_signal(line, value);
		break;
	case 's':
	case 'w':
	case 'r':
		if (piece->bytes)
			put_bytes(line, piece);
		else
			put_address(line, value);
		break;
	case 't':
	case 'T':
		if (piece->length == sizeof(struct timespec))
			put_timespec(line, piece);
		else
			put_address(line, value);
		break;
	case 'D':
		if (piece->length == 2 * sizeof(int32_t))
			put_descriptors(line, piece);
		else
			put_address(line, value);
		break;
	case 'p':
		put_address(line, value);
		break;
	default:
		put(line, "%#lx", value);
		break;
	}
}

/* Finds what follows the record; false if the record contradicts itself. */
static bool find_pieces(const struct guest_trace_record *record, const uint8_t *data,
			struct piece pieces[ARGUMENTS])
{
	for (size_t at = sizeof(*record); at < record->size;) {
		struct guest_trace_data header;
		if (record->size - at < sizeof(header))
			return false;
		memcpy(&header, data + at, sizeof(header));
		at += sizeof(header);
		size_t padded = (header.length + 7UL) & ~7UL;
		if (header.argument >= ARGUMENTS || padded > record->size - at ||
		    header.length > GUEST_TRACE_STRING_MAX)
			return false;
		pieces[header.argument] =
		    (struct piece){data + at, header.length, header.more != 0};
		at += padded;
	}
	return true;
}

/* A mode means something only to an open that may create. */
static bool is_left_out(const char *letters, size_t index, const uint64_t *arguments)
{
	return letters[index] == 'o' && index && letters[index - 1] == 'O' &&
	       !(arguments[index - 1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)));
}

static void put_call(struct line *line, const struct guest_trace_record *record,
		     const struct piece pieces[ARGUMENTS])
{
	const char *name = NULL, *letters = trace_call_letters(record->number, &name);
	cleanup_free char *unknown = NULL;
	if (!letters) {
		if (record->number <= INT32_MAX)
			unknown =
			    seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, (int)record->number);
		name = unknown;
		letters = "xxxxxx";
	}
	if (name)
		put(line, "%s(", name);
	else
		put(line, "call_%lu(", record->number);
	for (size_t i = 0; i < ARGUMENTS && letters[i]; i++) {
		if (is_left_out(letters, i, record->arguments))
			continue;
		put(line, i ? ", " : "");
		put_argument(line, letters[i], record->arguments[i], &pieces[i]);
	}
	put(line, ")");
}

static void put_result(struct line *line, int64_t result)
{
	if (result >= -ERRNO_MAX && result < 0) {
		const char *name = strerrorname_np((int)-result);
		put(line, " = -1 %s (%s)", name ? name : "an error", strerror((int)-result));
	} else if (result < 0 || result >= ADDRESS_RESULT) {
		put(line, " = %#lx", (uint64_t)result);
	} else {
		put(line, " = %ld", result);
	}
}

size_t trace_line(const uint8_t *data, size_t available, uint64_t origin_ns, char *text,
		  size_t size)
{
	struct guest_trace_record record;
	struct piece pieces[ARGUMENTS] = {0};
	struct line line = {text, size, 0};
	if (available < sizeof(record))
		return 0;
	memcpy(&record, data, sizeof(record));
	if (record.size < sizeof(record) || record.size > available || record.size % 8 ||
	    record.kind > GUEST_TRACE_RESUMED || !find_pieces(&record, data, pieces))
		return 0;
	/* The newline always finds room. */
	line.size--;
	bool resumed = record.kind == GUEST_TRACE_RESUMED;
	uint64_t when = resumed ? record.end_ns : record.begin_ns;
	put(&line, "%10.1f ", (double)(int64_t)(when - origin_ns) / 1e3);
	if (record.thread != FIRST_THREAD)
		put(&line, "[%lu] ", record.thread);
	put(&line, "%s", resumed ? "... " : "");
	put_call(&line, &record, pieces);
	if (record.kind == GUEST_TRACE_CALLED) {
		put(&line, " ...");
	} else {
		put_result(&line, record.result);
		put(&line, " <%.1f>", (double)(int64_t)(record.end_ns - record.begin_ns) / 1e3);
	}
	memcpy(text + line.length, "\n", 2);
	return record.size;
}

const char *trace_record_call(const uint8_t *data)
{
	struct guest_trace_record record;
	const char *name = NULL;
	memcpy(&record, data, sizeof(record));
	trace_call_letters(record.number, &name);
	return name;
}
