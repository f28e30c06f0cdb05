/* Where a missing library was looked for; see missing_library.h. What interpreters say and do is
 * theirs: glibc's ld.so(8), and musl's. */
#include "missing_library.h"

#include <stdio.h>
#include <string.h>

#include "sizes/sizes.h"
#include "util/text.h"

struct interpreter {
	const char *before, *behind; /* the library's name in what it says */
	const char *places;	     /* where it looks at last */
};

static const struct interpreter interpreters[] = {
    {"error while loading shared libraries: ", ": cannot open shared object file",
     "what /etc/ld.so.cache names, and its own directories (with Debian's: /lib/x86_64-linux-gnu, "
     "/usr/lib/x86_64-linux-gnu, /lib, /usr/lib)"},
    {"Error loading shared library ", ": No such file",
     "what /etc/ld-musl-x86_64.path names, or else /lib, /usr/local/lib, /usr/lib"},
};

static void tell(char *report, size_t size, const char *name, size_t length,
		 const struct interpreter *interpreter, const char *library_path)
{
	snprintf(
	    report, size,
	    "%.*s was looked for in the root: in %s%s%sthe program's RUNPATH, %s; put it there "
	    "(ldd names all that a program needs), or take this machine's by --root /",
	    (int)length, name, library_path ? "LD_LIBRARY_PATH (" : "",
	    library_path ? library_path : "", library_path ? "), " : "", interpreter->places);
	/* It came from the guest and is shown as one line. */
	text_make_line(report, strlen(report));
}

void missing_library_report(char *report, size_t size, const char *log, const char *library_path)
{
	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++) {
		const char *name = strstr(log, interpreters[i].before);
		if (!name)
			continue;
		name += strlen(interpreters[i].before);
		const char *end = strstr(name, interpreters[i].behind);
		if (end) {
			tell(report, size, name, (size_t)(end - name), &interpreters[i],
			     library_path);
			return;
		}
	}
}
