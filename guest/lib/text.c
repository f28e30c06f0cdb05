/* A printf small enough to be read, and a hash; see text.h. */
#include "text.h"

struct output {
	char *text;
	size_t size, length;
};

static void put_character(struct output *output, char character)
{
	if (output->length + 1 < output->size)
		output->text[output->length++] = character;
}

static void put_number(struct output *output, uint64_t value, unsigned base, size_t width,
		       char padding)
{
	char digits[24];
	size_t count = 0;
	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (size_t i = count; i < width; i++)
		put_character(output, padding);
	while (count)
		put_character(output, digits[--count]);
}

size_t text_format(char *out, size_t size, const char *format, va_list arguments)
{
	struct output output = {out, size, 0};
	for (const char *next = format; *next; next++) {
		if (*next != '%') {
			put_character(&output, *next);
			continue;
		}
		bool is_long = false;
		char padding = ' ';
		size_t width = 0;
		if (*++next == '0')
			padding = *next++;
		while (*next >= '0' && *next <= '9')
			width = width * 10 + (size_t)(*next++ - '0');
		while (*next == 'l') {
			is_long = true;
			next++;
		}
		if (*next == 's') {
			for (const char *text = va_arg(arguments, const char *); *text; text++)
				put_character(&output, *text);
		} else if (*next == 'd') {
			int64_t value = is_long ? va_arg(arguments, long) : va_arg(arguments, int);
			if (value < 0)
				put_character(&output, '-');
			uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
			put_number(&output, magnitude, 10, width, padding);
		} else if (*next == 'u' || *next == 'x' || *next == 'o') {
			uint64_t value = is_long ? va_arg(arguments, unsigned long)
						 : va_arg(arguments, unsigned);
			put_number(&output, value,
				   *next == 'u'	  ? 10
				   : *next == 'x' ? 16
						  : 8,
				   width, padding);
		} else if (*next == 'p') {
			put_character(&output, '0');
			put_character(&output, 'x');
			put_number(&output, (uintptr_t)va_arg(arguments, void *), 16, 0, ' ');
		} else {
			put_character(&output, *next);
		}
	}
	if (size)
		out[output.length] = 0;
	return output.length;
}

size_t text_print(char *out, size_t size, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	size_t length = text_format(out, size, format, arguments);
	va_end(arguments);
	return length;
}

bool text_parse_number(const char *text, size_t length, uint64_t limit, uint64_t *number)
{
	*number = 0;
	if (!length || (length > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*number = 10 * *number + (uint64_t)(text[i] - '0');
		if (*number >= limit)
			return false;
	}
	return true;
}

uint32_t text_hash(const char *text, size_t length)
{
	uint32_t hash = 2166136261U;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)text[i]) * 16777619U;
	return hash;
}
