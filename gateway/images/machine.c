/* What a snapshot depends on besides its image; see machine.h. */
#include "gateway/images/machine.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "record/record.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"

enum { TAG_PART = 1, TAG_FEATURES, TAG_KVM };

/* For paths_part(): a snapshot that another build of these made is taken again, so that functions get what
 * was mended in them. */
static const char *const parts[] = {"monitor/mayfly-monitor", "monitor/process_guest",
				    "guest/libos.elf"};

static int add_parts(struct record *record, struct error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		char path[PATH_MAX], hex[HASH_HEX_SIZE];
		int result = paths_part(path, sizeof(path), parts[i], error);
		if (!result)
			result = hash_file(path, hex, error);
		if (result)
			return result;
		record_add_pair(record, TAG_PART, parts[i], hex);
	}
	return 0;
}

/* The lines of /proc/cpuinfo that name the first processor and what it can do. */
static int add_features(struct record *record, struct error *error)
{
	static const char *const wanted[] = {"model name", "flags"};
	cleanup_free char *text = NULL;
	int result = file_read_generated("/proc/cpuinfo", &text, error);
	if (result)
		return result;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const char *line = strstr(text, wanted[i]);
		if (line)
			record_add(record, TAG_FEATURES, wanted[i], strlen(wanted[i]), line,
				   strcspn(line, "\n"));
	}
	return 0;
}

int machine_digest(char hex[HASH_HEX_SIZE], struct error *error)
{
	cleanup_record struct record record = RECORD_EMPTY;
	int result = add_parts(&record, error);
	if (!result)
		result = add_features(&record, error);
	if (result)
		return result;
	record_add_number(&record, TAG_KVM, !access("/dev/kvm", R_OK | W_OK));
	if (record.result)
		return error_set(error, -record.result, "no memory for what this machine is");
	return hash_buffer(record.data, record.length, hex, error);
}
