/* Which URLs a callback may have. */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "link/url.h"
#include "sizes/sizes.h"

static const char *const good[] = {
    "http://a",
    "https://a.example.com/",
    "HTTPS://A.example:443/x?y=z",
    "http://127.0.0.1:8080/a%20b",
    "http://[::1]:9/",
    "http://[2001:db8::1]?q",
    "http://under_score:65535",
};

static const char *const bad[] = {
    "",
    "a",
    "//a/",
    "ftp://a/",
    "file:///etc/passwd",
    "http:/a",
    "http://",
    "http:///x",
    "http://?x",
    "http://:80/",
    "http://user@a/",
    "http://user:pass@a/",
    "http://a@b/",
    "http://a:0/",
    "http://a:65536/",
    "http://a:/",
    "http://a:8a/",
    "http://[::1/",
    "http://[1.2.3.4]/",
    "http://[]/",
    "http://[::1]x/",
    "http://-a/",
    "http://.a/",
    "http://a b/",
    "http://a/\r\nX: y",
    "http://a/\x7f",
    "http://\xc3\xa4/",
    "http://a/#f",
    "http://a\\b/",
    "http://a/<script>",
};

int main(void)
{
	struct error error = {0};
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!CHECK_NUMBER(url_check(good[i], &error), 0))
			fprintf(stderr, "  %s: %s\n", good[i], error.text);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (!CHECK_NUMBER(url_check(bad[i], &error), -EINVAL))
			fprintf(stderr, "  %s\n", bad[i]);
	char text[URL_MAX + 2] = "http://a/";
	memset(text + 9, 'x', URL_MAX - 9);
	CHECK_NUMBER(url_check(text, &error), 0);
	text[URL_MAX] = 'x';
	CHECK_NUMBER(url_check(text, &error), -EINVAL);
	return check_status();
}
