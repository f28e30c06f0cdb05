/* For tests: an authority, and certificates of it. */
#ifndef MAYFLY_TESTS_CERTIFICATES_H
#define MAYFLY_TESTS_CERTIFICATES_H

#include <stdbool.h>

enum certificate_fault { CERTIFICATE_GOOD, CERTIFICATE_EXPIRED, CERTIFICATE_OF_ANOTHER_HOST };

/* Writes NAME.pem and NAME.key into the directory, of which AUTHORITY has to be there already (NULL: it
 * is one itself); for 127.0.0.1 and localhost, and good for a day, but for the fault. False where that fails. */
bool certificate_make(const char *directory, const char *name, const char *authority,
		      enum certificate_fault fault);

#endif
