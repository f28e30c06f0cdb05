/* Connecting without waiting; see accel_dial.h. */
#include "accel_client/accel_dial.h"

#include <errno.h>
#include <stdio.h>

#include "util/clock.h"
#include "util/host_settings.h"
#include "util/log.h"

int accel_dial_begin(struct accel_dial *dial, const char *path, uint64_t deadline_ns,
		     struct error *error)
{
	*dial = (struct accel_dial){
	    .deadline_ns = deadline_ns, .start = ACCEL_START_NONE, .given = path};
	if (path)
		return (size_t)snprintf(dial->path, sizeof(dial->path), "%s", path) <
			       sizeof(dial->path)
			   ? 0
			   : error_set(error, ENAMETOOLONG, "socket path too long: %.100s", path);
	return host_settings_path(dial->path, sizeof(dial->path), ".sock", error);
}

/* A host that many clients connect to at once has a full queue for a moment. */
static int pause_dialing(struct accel_dial *dial)
{
	dial->moment_ns = clock_now_ns() + ACCEL_RETRY_PAUSE_NS;
	return -EINPROGRESS;
}

static int start_host(struct accel_dial *dial, const char *reason, struct error *error)
{
	log_debug("%s; starting mayfly-acceld", reason);
	int result = accel_start_begin(&dial->start, error);
	if (result)
		return error_wrap(error, "cannot start the accelerator host");
	dial->started = true;
	dial->moment_ns = dial->deadline_ns;
	return -EINPROGRESS;
}

static int connect_now(struct accel_dial *dial, int *socket, struct error *error)
{
	struct error attempt = {0};
	int result = accel_connect(dial->path, 0, socket, &attempt);
	const bool late = clock_now_ns() >= dial->deadline_ns;
	if (!result)
		return 0;
	if (result == -ETIMEDOUT && !late)
		return pause_dialing(dial);
	/* If the new host lost a race against another one, that one may not listen yet, or may be
	 * about to end. */
	if (accel_host_is_missing(result) && !late && dial->started) {
		dial->started = false;
		return pause_dialing(dial);
	}
	if (accel_host_is_missing(result) && !late && !dial->given)
		return start_host(dial, attempt.text, error);
	if (error)
		*error = attempt;
	return result;
}

int accel_dial_look(struct accel_dial *dial, int *socket, struct error *error)
{
	if (dial->start.host.pid) {
		int result = accel_start_look(&dial->start, dial->deadline_ns, error);
		if (result == -EINPROGRESS)
			return result;
		if (result)
			return error_wrap(error, "cannot start the accelerator host");
	}
	return connect_now(dial, socket, error);
}

int accel_dial_descriptor(const struct accel_dial *dial)
{
	return dial->start.host.pidfd;
}

uint64_t accel_dial_moment(const struct accel_dial *dial)
{
	return dial->moment_ns;
}

void accel_dial_end(struct accel_dial *dial)
{
	accel_start_end(&dial->start);
}
