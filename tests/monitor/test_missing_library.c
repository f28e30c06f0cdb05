/* What is said about a library that an interpreter did not find. */
#include "monitor/guests/native/missing_library.h"

#include "check.h"

static char report[400];

static const char *tell(const char *log, const char *library_path)
{
	report[0] = 0;
	missing_library_report(report, sizeof(report), log, library_path);
	return report;
}

int main(void)
{
	const char *glibc = "noise\np: error while loading shared libraries: liba.so.1: cannot "
			    "open shared object file: No such file or directory\n";
	CHECK(strstr(tell(glibc, NULL), "liba.so.1 was looked for in the root: in the program's"));
	CHECK(strstr(report, "/etc/ld.so.cache") && strstr(report, "--root /"));
	CHECK(strstr(tell(glibc, "/a:/b"), "in LD_LIBRARY_PATH (/a:/b), the program's"));
	CHECK(strstr(tell("Error loading shared library libb.so: No such file or directory (needed "
			  "by /bin/p)\n",
			  NULL),
		     "libb.so was looked for"));
	CHECK(strstr(report, "ld-musl-x86_64.path"));
	/* Something else with status 127, half a message, and one that would fake a second line. */
	CHECK_TEXT(tell("sh: nothing: not found\n", NULL), "");
	CHECK_TEXT(tell("error while loading shared libraries: ", NULL), "");
	CHECK_TEXT(tell("", NULL), "");
	tell("error while loading shared libraries: a\nb\x1b[1m: cannot open shared object file",
	     "\n");
	CHECK(strstr(report, "a b?[1m was looked for") && !strpbrk(report, "\n\x1b"));
	return check_status();
}
