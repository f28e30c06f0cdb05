/* Authorization: Basic and Bearer. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/head.h"
#include "util/base64.h"

/* Text in Base64 (RFC 4648), padded or not. False for what is none, and for text with a NUL in it. `text`
 * has room for as many bytes as `encoded` has. */
static bool decode(const char *encoded, char *text)
{
	size_t length = strlen(encoded), filled = 0;
	if (length % 4 == 0)
		for (int padding = 0; padding < 2 && length && encoded[length - 1] == '=';
		     padding++)
			length--;
	uint32_t bits = 0;
	unsigned int count = 0;
	for (size_t i = 0; i < length; i++) {
		int digit = base64_digit(encoded[i]);
		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		text[filled] = (char)(bits >> count & 0xff);
		if (!text[filled++])
			return false;
	}
	text[filled] = '\0';
	return length % 4 != 1;
}

static const char *behind_scheme(const char *value, const char *scheme)
{
	size_t length = strlen(scheme);
	if (strncasecmp(value, scheme, length) || value[length] != ' ')
		return NULL;
	return value + length + strspn(value + length, " ");
}

int authorization_read(struct http_head *head, const char *value, char **credentials)
{
	head->token = behind_scheme(value, "bearer");
	const char *encoded = behind_scheme(value, "basic");
	if (!encoded)
		return 0;
	*credentials = malloc(strlen(encoded) + 1);
	if (!*credentials)
		return -ENOMEM;
	char *colon;
	if (!decode(encoded, *credentials) || !(colon = strchr(*credentials, ':')))
		return 0;
	*colon = '\0';
	head->user = *credentials;
	head->password = colon + 1;
	return 0;
}
