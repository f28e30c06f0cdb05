/* The password of a gateway: in a file that only its owner can read, made where there is none. */
#ifndef MAYFLY_GATEWAY_PASSWORD_H
#define MAYFLY_GATEWAY_PASSWORD_H

#include "util/error.h"

/* Reads it, without the end of line; makes a random one where `make` and there is no file. *password is the
 * caller's to free. EPERM where others may read the file; EINVAL for an empty one. */
int password_read(const char *path, int make, char **password, struct error *error);

#endif
