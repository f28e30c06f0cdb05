/* Text made fit for a terminal. */
#include "util/text.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "sizes/sizes.h"

static const char *printable(const char *text)
{
	static char out[128];
	snprintf(out, sizeof(out), "%s", text);
	text_make_printable(out, strlen(out));
	return out;
}

static void test_what_stays(void)
{
	static const char *const texts[] = {
	    "", "a b\tc\n", "\xc2\xa0", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x95", "\xd7\xa9\xd7\x9c",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		CHECK_TEXT(printable(texts[i]), texts[i]);
}

/* Each control character, as Unicode and as the byte that older terminals take for it. */
static void test_controls(void)
{
	for (unsigned code = 1; code < 0xa0; code++) {
		char raw[] = {'a', (char)code, 'b', 0};
		char coded[] = {'a', (char)0xc2, (char)code, 'b', 0};
		const int is_control = code < ' ' || code >= 0x7f;
		if (code == '\n' || code == '\t')
			continue;
		CHECK_TEXT(printable(raw), is_control ? "a?b" : raw);
		if (code >= 0x80)
			CHECK_TEXT(printable(coded), "a??b");
	}
}

static void test_directions(void)
{
	CHECK_TEXT(printable("a\xd8\x9c"
			     "b"),
		   "a??b");
	for (unsigned last = 0xa8; last <= 0xae; last++) {
		char text[] = {'a', (char)0xe2, (char)0x80, (char)last, 'b', 0};
		CHECK_TEXT(printable(text), "a???b");
	}
	for (unsigned last = 0xa6; last <= 0xa9; last++) {
		char text[] = {'a', (char)0xe2, (char)0x81, (char)last, 'b', 0};
		CHECK_TEXT(printable(text), "a???b");
	}
	CHECK_TEXT(printable("\xe2\x80\x8e\xe2\x80\x8f"), "??????");
	CHECK_TEXT(printable("\xe2\x80\x90\xe2\x81\xaa"), "\xe2\x80\x90\xe2\x81\xaa");
}

/* Too long, too large, half of a pair, or cut off. */
static void test_what_is_broken(void)
{
	CHECK_TEXT(printable("a\xc1\x9b"
			     "b"),
		   "a??b");
	CHECK_TEXT(printable("\xe0\x82\x9b"), "???");
	CHECK_TEXT(printable("\xed\xa0\x80"), "???");
	CHECK_TEXT(printable("\xf5\x80\x80\x80"), "????");
	CHECK_TEXT(printable("a\xe2\x82"), "a??");
	CHECK_TEXT(printable("\xff\xfe"), "??");
}

static void test_lines(void)
{
	char text[] = "a\nb\tc\xc2\x9b";
	text_make_line(text, strlen(text));
	CHECK_TEXT(text, "a b c??");
}

int main(void)
{
	test_what_stays();
	test_controls();
	test_directions();
	test_what_is_broken();
	test_lines();
	return check_status();
}
