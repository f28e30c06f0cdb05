#include "worker/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/fields.h"
#include "util/clock.h"

#define SETTINGS_MAX (1U << 20)

/* Where the supervisor says nothing. */
#define BODY_LIMIT	 (100UL << 20)
#define HEADER_LIMIT	 (16UL << 10) /* a connection has twice as much and more memory */
#define CONNECTIONS	 10000
#define CONNECTIONS_EACH 0 /* no limit */
#define HEAD_TIMEOUT	 (10 * NANOSECONDS_PER_SECOND)
#define IDLE_TIMEOUT	 (60 * NANOSECONDS_PER_SECOND)
#define BODY_RATE	 1024

static int load(struct record *record, int fd, struct error *error)
{
	struct stat status;
	if (fstat(fd, &status))
		return error_set_errno(error, errno, "cannot look at the settings");
	const size_t length = (size_t)status.st_size;
	if (length > SETTINGS_MAX)
		return error_set(error, EINVAL, "settings of %zu bytes", length);
	record->data = malloc(length + 1);
	if (!record->data)
		return error_set(error, ENOMEM, "no memory for the settings");
	record->room = length + 1;
	record->length = length;
	if (pread(fd, record->data, length, 0) != (ssize_t)length)
		return error_set(error, EIO, "cannot read the settings");
	return record_check(record_of(record))
		   ? error_set(error, EPROTO, "the settings are no record")
		   : 0;
}

int settings_read(struct settings *settings, int fd, struct error *error)
{
	*settings = (struct settings){.record = RECORD_EMPTY};
	const int result = load(&settings->record, fd, error);
	if (result) {
		settings_release(settings);
		return result;
	}
	const struct record_view view = record_of(&settings->record);
	settings->body_limit = record_find_number(view, FIELD_BODY_LIMIT, BODY_LIMIT);
	settings->header_limit = record_find_number(view, FIELD_HEADER_LIMIT, HEADER_LIMIT);
	settings->piece = record_find_number(view, FIELD_PIECE, 0);
	settings->connections = (unsigned)record_find_number(view, FIELD_CONNECTIONS, CONNECTIONS);
	settings->connections_each =
	    (unsigned)record_find_number(view, FIELD_CONNECTIONS_EACH, CONNECTIONS_EACH);
	settings->head_timeout_ns = record_find_number(view, FIELD_HEAD_TIMEOUT, HEAD_TIMEOUT);
	settings->idle_timeout_ns = record_find_number(view, FIELD_IDLE_TIMEOUT, IDLE_TIMEOUT);
	settings->body_rate = record_find_number(view, FIELD_BODY_RATE, BODY_RATE);
	settings->certificate = record_find_text(view, FIELD_CERTIFICATE, NULL);
	settings->key = record_find_text(view, FIELD_KEY, NULL);
	settings->server_name = record_find_text(view, FIELD_SERVER_NAME, "mayfly");
	return 0;
}

void settings_release(struct settings *settings)
{
	if (settings->record.data)
		explicit_bzero(settings->record.data, settings->record.length);
	record_release(&settings->record);
}
