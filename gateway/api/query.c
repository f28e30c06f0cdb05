#include "api/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sizes/sizes.h"
#include "util/hex.h"

/* Decodes [text, end). */
static int decode(const char *text, const char *end, char *value, size_t room)
{
	size_t used = 0;
	for (; text < end; text++) {
		unsigned char byte = (unsigned char)(*text == '+' ? ' ' : *text);
		if (*text == '%') {
			const int high = end - text < 3 ? -1 : hex_digit(text[1]);
			const int low = high < 0 ? -1 : hex_digit(text[2]);
			if (low < 0)
				return -EINVAL;
			byte = (unsigned char)((unsigned)high << 4 | (unsigned)low);
			text += 2;
		}
		if (byte < ' ' || byte == 0x7f || used + 1 >= room)
			return -EINVAL;
		value[used++] = (char)byte;
	}
	value[used] = 0;
	return used ? 1 : 0;
}

int query_find(const char *query, const char *name, char *value, size_t room)
{
	const size_t length = strlen(name);
	while (query && *query) {
		const char *end = strchrnul(query, '&');
		if (!strncmp(query, name, length) && query[length] == '=')
			return decode(query + length + 1, end, value, room);
		query = *end ? end + 1 : NULL;
	}
	return 0;
}

int query_find_boolean(const char *query, const char *name, bool *value)
{
	static const char *const words[][2] = {{"0", "1"}, {"f", "t"},	      {"false", "true"},
					       {"F", "T"}, {"FALSE", "TRUE"}, {"False", "True"}};
	char text[8];
	*value = false;
	const int result = query_find(query, name, text, sizeof(text));
	if (result <= 0)
		return result;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (int truth = 0; truth < 2; truth++)
			if (!strcmp(text, words[i][truth])) {
				*value = truth;
				return 0;
			}
	return -EINVAL;
}

int query_find_number(const char *query, const char *name, long long *value)
{
	char text[24], *end;
	*value = 0;
	const int result = query_find(query, name, text, sizeof(text));
	if (result <= 0)
		return result;
	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno || *end || *text == ' ' ? -EINVAL : 0;
}
