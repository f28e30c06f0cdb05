#include "link/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 253 /* bytes of a name (RFC 1035) */

/* Behind "http://" or "https://"; NULL: it begins with neither. */
static const char *behind_scheme(const char *url)
{
	if (!strncasecmp(url, "http://", 7))
		return url + 7;
	if (!strncasecmp(url, "https://", 8))
		return url + 8;
	return NULL;
}

static bool is_name(const char *host, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)host[i]) && !strchr("-._", host[i]))
			return false;
	return length && length <= HOST_MAX && host[0] != '-' && host[0] != '.';
}

/* Between brackets. */
static bool is_address(const char *host, size_t length)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	if (length >= sizeof(text))
		return false;
	memcpy(text, host, length);
	text[length] = 0;
	return inet_pton(AF_INET6, text, &address) == 1;
}

/* "" or ":1" to ":65535". */
static bool is_port(const char *port, size_t length)
{
	unsigned number = 0;
	if (!length)
		return true;
	if (*port != ':' || length < 2 || length > 6)
		return false;
	for (size_t i = 1; i < length; i++) {
		if (!isdigit((unsigned char)port[i]))
			return false;
		number = number * 10 + (unsigned)(port[i] - '0');
	}
	return number && number <= 65535;
}

int url_check(const char *url, struct error *error)
{
	const size_t length = strnlen(url, URL_MAX + 1);
	if (length > URL_MAX)
		return error_set(error, EINVAL, "the URL is longer than %d bytes", URL_MAX);
	for (size_t i = 0; i < length; i++)
		if (url[i] <= ' ' || url[i] > '~' || strchr("\"<>\\^`{|}", url[i]))
			return error_set(error, EINVAL,
					 "the URL has characters that must be written with %%");
	const char *host = behind_scheme(url);
	if (!host)
		return error_set(error, EINVAL, "the URL begins neither with http:// nor https://");
	if (strchr(url, '#'))
		return error_set(error, EINVAL, "the URL has a fragment (#)");
	const size_t all = strcspn(host, "/?");
	if (memchr(host, '@', all))
		return error_set(error, EINVAL, "the URL has a user name in it");
	const char *end = *host == '[' ? memchr(host, ']', all) : NULL;
	const size_t named = end ? (size_t)(end - host) + 1 : strcspn(host, ":/?");
	const bool good = end ? is_address(host + 1, named - 2) : is_name(host, named);
	if (!good)
		return error_set(error, EINVAL, "the URL names no host");
	if (!is_port(host + named, all - named))
		return error_set(error, EINVAL, "the port in the URL is no number from 1 to 65535");
	return 0;
}
