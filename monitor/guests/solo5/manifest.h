/* The manifest of a Solo5 image: which devices it wants. */
#ifndef MAYFLY_MONITOR_SOLO5_MANIFEST_H
#define MAYFLY_MONITOR_SOLO5_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/formats/solo5_abi.h"
#include "util/error.h"

/* How many bytes the manifest takes. */
size_t solo5_manifest_size(const struct solo5_manifest *manifest);

/* Copies the manifest out of an ELF file with sound headers, and checks it: no device is attached
 * yet. ENOEXEC. */
int solo5_manifest_read(struct solo5_manifest *manifest, const uint8_t *file, size_t size,
			struct error *error);

/* The same for the bytes of a manifest alone, of which there are `size`. */
int solo5_manifest_parse(struct solo5_manifest *manifest, const uint8_t *data, size_t size,
			 struct error *error);

#endif
