/* Manifests; see manifest.h. */
#include "manifest.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "monitor/formats/solo5_notes.h"
#include "sizes/sizes.h"

size_t solo5_manifest_size(const struct solo5_manifest *manifest)
{
	return offsetof(struct solo5_manifest, entries) +
	       manifest->count * sizeof(struct solo5_entry);
}

/* Names are for messages, and for options on command lines. */
static bool name_is_sound(const char name[SOLO5_NAME_SIZE])
{
	const size_t length = strnlen(name, SOLO5_NAME_SIZE);
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]))
			return false;
	return length && length < SOLO5_NAME_SIZE;
}

static int check_entry(const struct solo5_manifest *manifest, uint32_t number, struct error *error)
{
	const struct solo5_entry *entry = &manifest->entries[number];
	if (!number) {
		if (entry->type != SOLO5_RESERVED || entry->name[0] || entry->attached)
			return error_set(error, ENOEXEC,
					 "its manifest does not begin with the reserved entry");
		return 0;
	}
	if (!name_is_sound(entry->name))
		return error_set(error, ENOEXEC,
				 "device %u of its manifest has a name that is not of letters and "
				 "digits",
				 number);
	if (entry->attached)
		return error_set(error, ENOEXEC, "device %s of its manifest is attached already",
				 entry->name);
	if (entry->type != SOLO5_BLOCK && entry->type != SOLO5_NET)
		return error_set(error, ENOEXEC,
				 "device %s of its manifest is of type %#x: Mayfly has block "
				 "devices (1) and network devices (2)",
				 entry->name, entry->type);
	for (uint32_t i = 1; i < number; i++)
		if (!strcmp(manifest->entries[i].name, entry->name))
			return error_set(error, ENOEXEC, "its manifest has the device %s twice",
					 entry->name);
	return 0;
}

int solo5_manifest_parse(struct solo5_manifest *manifest, const uint8_t *data, size_t size,
			 struct error *error)
{
	const size_t head = offsetof(struct solo5_manifest, entries);
	*manifest = (struct solo5_manifest){0};
	if (size < head)
		return error_set(error, ENOEXEC, "its manifest is cut off");
	memcpy(manifest, data, head);
	if (manifest->version != SOLO5_MANIFEST_VERSION)
		return error_set(error, ENOEXEC,
				 "its manifest is of version %u, and Mayfly reads version %d",
				 manifest->version, SOLO5_MANIFEST_VERSION);
	if (!manifest->count || manifest->count > SOLO5_ENTRIES_MAX)
		return error_set(error, ENOEXEC, "its manifest has %u entries: there are 1 to %d",
				 manifest->count, SOLO5_ENTRIES_MAX);
	if (size != solo5_manifest_size(manifest))
		return error_set(error, ENOEXEC,
				 "its manifest with %u entries has %zu bytes, and not %zu",
				 manifest->count, size, solo5_manifest_size(manifest));
	memcpy(manifest->entries, data + head, size - head);
	for (uint32_t i = 0; i < manifest->count; i++) {
		int result = check_entry(manifest, i, error);
		if (result)
			return result;
	}
	return 0;
}

int solo5_manifest_read(struct solo5_manifest *manifest, const uint8_t *file, size_t size,
			struct error *error)
{
	const uint8_t *content;
	size_t length;
	int result = solo5_note_find(file, size, SOLO5_NOTE_MANIFEST, &content, &length, error);
	if (result)
		return result;
	if (length < SOLO5_MANIFEST_PADDING)
		return error_set(error, ENOEXEC, "it has no manifest (note MFT1)");
	return solo5_manifest_parse(manifest, content + SOLO5_MANIFEST_PADDING,
				    length - SOLO5_MANIFEST_PADDING, error);
}
