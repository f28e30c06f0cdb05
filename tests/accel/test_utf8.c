/* Text from anybody becomes UTF-8 and stays whole. */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "sizes/sizes.h"
#include "util/utf8.h"

#define REPLACED "\xef\xbf\xbd"

static void check_copy(const char *text, size_t size, const char *wanted)
{
	char out[256];
	memset(out, '!', sizeof(out));
	size_t length = utf8_copy(out, size, text, SIZE_MAX);
	CHECK_TEXT(out, wanted);
	CHECK_NUMBER(length, strlen(wanted));
	CHECK(out[size] == '!');
}

static void test_replaced(void)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
	    {"", ""},
	    {"cat", "cat"},
	    {"Gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x90\xb6",
	     "Gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x90\xb6"},
	    {"Gr\xfc\xdf\x65", "Gr" REPLACED REPLACED "e"}, /* Latin-1 */
	    {"\x80\xbf", REPLACED REPLACED},
	    {"\xc0\xaf", REPLACED REPLACED}, /* longer than it must be */
	    {"\xe0\x80\x80", REPLACED REPLACED REPLACED},
	    {"\xed\xa0\x80", REPLACED REPLACED REPLACED}, /* half of a pair */
	    {"\xf4\x90\x80\x80", REPLACED REPLACED REPLACED REPLACED},
	    {"\xf5\xff\xfe", REPLACED REPLACED REPLACED},
	    {"\xe2\x82", REPLACED}, /* cut off: one for what there is of it */
	    {"\xe2\x82z", REPLACED "z"},
	    {"\xf0\x9f\x90", REPLACED},
	    {"\xf0\x9f\xc3\xbc", REPLACED "\xc3\xbc"},
	    {"\xee\x80\x80\xf4\x8f\xbf\xbf", "\xee\x80\x80\xf4\x8f\xbf\xbf"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_copy(cases[i].text, 200, cases[i].wanted);
}

/* Cut between two characters, never within one. */
static void test_cut(void)
{
	check_copy("abcdef", 4, "abc");
	check_copy("ab\xc3\xbc", 4, "ab");
	check_copy("ab\xc3\xbc", 5, "ab\xc3\xbc");
	check_copy("\xf0\x9f\x90\xb6", 4, "");
	check_copy("a\xff", 4, "a");
	check_copy("a\xff", 5, "a" REPLACED);
	check_copy("anything", 1, "");
	char out[16];
	CHECK_NUMBER(utf8_copy(out, sizeof(out), "ab\xc3\xbc", 3),
		     5); /* its second half is not meant */
	CHECK_TEXT(out, "ab" REPLACED);
}

/* Whatever the bytes are, what comes out is not changed by a second turn: it is UTF-8. */
static void test_anything(void)
{
	srand(1);
	for (int turn = 0; turn < 20000; turn++) {
		char text[24], once[64], twice[64];
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (char)(rand() % 3 ? 0x80 + rand() % 128 : 1 + rand() % 127);
		size_t size = 1 + (size_t)(rand() % 63);
		utf8_copy(once, size, text, sizeof(text));
		utf8_copy(twice, sizeof(twice), once, SIZE_MAX);
		if (!CHECK(!strcmp(once, twice)))
			break;
	}
}

int main(void)
{
	test_replaced();
	test_cut();
	test_anything();
	return check_status();
}
