/* The locale that the argument names (else C), wide characters,
 * dates and formats of the C library. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

static int compare(const void *left, const void *right)
{
	return strcoll(*(const char *const *)left, *(const char *const *)right);
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"C", "POSIX", "", "xx_XX.UTF-8"};
	const char *words[] = {"pear", "Apple", "apple", "Zebra", "éclair", "zebra"};
	for (size_t i = 0; i < 4; i++)
		printf("%s: %s\n", names[i], setlocale(LC_ALL, names[i]) ? "there" : "not there");
	setlocale(LC_ALL, argc > 1 ? argv[1] : "C");
	printf("%s %s\n", nl_langinfo(CODESET), nl_langinfo(RADIXCHAR));
	qsort(words, 6, sizeof(words[0]), compare);
	for (size_t i = 0; i < 6; i++)
		printf("%s ", words[i]);
	wchar_t wide[32];
	size_t length = mbstowcs(wide, argc > 1 ? "grüße, 世界" : "greetings", 32);
	printf("\n%zu characters, %lc %d\n", length, (wint_t)towupper(wide[2]), iswalpha(wide[2]));
	printf("%ls|%10.3f|%-8d|%+.2e|%a|%g\n", wide, 1234.5678, 42, 0.000123, 1.5, 1e100);
	char text[64];
	time_t moment = 1000000000;
	struct tm parts;
	gmtime_r(&moment, &parts);
	strftime(text, sizeof(text), "%A %d %B %Y %H:%M:%S %j %U", &parts);
	printf("%s\n", text);
	parts.tm_mon += 14;
	printf("%ld %d\n", (long)timegm(&parts), parts.tm_wday);
	printf("%.17g %.17g %ld\n", strtod("0x1.8p3", NULL), strtod("1e-320", NULL),
	       strtol("-0777", NULL, 0));
	struct lconv *conventions = localeconv();
	printf("'%s' '%s'\n", conventions->decimal_point, conventions->currency_symbol);
	return 0;
}
