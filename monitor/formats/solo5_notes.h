/* Notes of Solo5 in ELF files: what an image was built for, and its manifest. Needs no machine. */
#ifndef MAYFLY_MONITOR_SOLO5_NOTES_H
#define MAYFLY_MONITOR_SOLO5_NOTES_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/formats/solo5_abi.h"
#include "util/error.h"

/* The target (enum solo5_target) of an ELF file that is open to be read; 0: it has no note ABI1, and
 * is no image of Solo5. */
uint32_t solo5_target_of(int fd);

/* Finds the content of the first note of that type in a whole file with sound program headers. *size
 * is 0 where there is none. ENOEXEC for one that is not within the file. */
int solo5_note_find(const uint8_t *file, size_t file_size, uint32_t type, const uint8_t **content,
		    size_t *size, struct error *error);

/* Checks that the file is an image for `target` and of SOLO5_ABI_VERSION. ENOEXEC. */
int solo5_abi_check(const uint8_t *file, size_t size, uint32_t target, struct error *error);

#endif
