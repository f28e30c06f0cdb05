/* Blobs, as resources use them. */
#ifndef MAYFLY_ACCEL_BLOB_H
#define MAYFLY_ACCEL_BLOB_H

#include "vaccel/blob.h"

/* True for a name that stays in the directory it is put into. */
bool blob_name_is_safe(const char *name);

#endif
