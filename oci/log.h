/* The log file of an engine (--log): a line for each error and warning, as text or as JSON. */
#ifndef MAYFLY_OCI_LOG_H
#define MAYFLY_OCI_LOG_H

#include <stdbool.h>

#include "util/error.h"

/* From now on lines of the logger go to the file `path`, at its end, and not to standard error. */
int oci_log_open(const char *path, bool json, struct error *error);

/* Writes an error there; nothing where there is no such file. */
void oci_log_error(const char *text);

#endif
