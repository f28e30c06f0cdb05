/* Settings that are sizes of memory. */
#ifndef MAYFLY_ONNX_SIZE_SETTING_H
#define MAYFLY_ONNX_SIZE_SETTING_H

#include <stddef.h>

#include "util/error.h"
#include "util/host_settings.h"

/* Bytes, or with K, M or G behind; 0 where it is not set. -EINVAL for anything else. */
int size_setting_read(enum host_setting setting, size_t *bytes, struct error *error);

#endif
