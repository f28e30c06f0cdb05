/* A program in machines of its own; see guest.h. */
#include "guest.h"
#include "accel_client/accel_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/paths.h"

#define MEMORY_DEFAULT (64UL << 20)
#define REQUEST_LIMIT  (30 * NANOSECONDS_PER_SECOND)

static int keep_response(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct guest *guest = context;
	if (length >= GUEST_RESPONSE_MAX - guest->response_length)
		return -EFBIG;
	memcpy(guest->response + guest->response_length, data, length);
	guest->response_length += length;
	return 0;
}

static void pass_log(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)context;
	file_write_all(STDERR_FILENO, data, length);
}

static int check_outcome(const struct request_result *result, struct error *error)
{
	if (result->outcome == OUTCOME_EXITED && !result->status)
		return 0;
	return error_set(error, EPROTO, "the guest ended with outcome %d, status %d: %s",
			 (int)result->outcome, result->status, result->report);
}

/* Set-up that is no set-up would make every figure that follows one of something else. */
static int prepare(struct guest *guest, struct error *error)
{
	struct request_result result;
	bool finished;
	int code = monitor_prepare(guest->monitor, &guest->request, &finished, &result, error);
	if (!code && finished)
		return error_set(error, EPROTO, "the program ended before it read its request");
	return code ? code : slot_open(&guest->slot, guest->monitor, error);
}

int guest_open(struct guest *guest, const struct guest_program *program, const char *isolation,
	       struct error *error)
{
	*guest = (struct guest){.response = malloc(GUEST_RESPONSE_MAX)};
	if (!guest->response)
		return error_set(error, ENOMEM, "no memory for a response");
	guest->request = (struct request){
	    .data = program->input,
	    .length = program->input_length,
	    .fd = -1,
	    .timeout_ns = REQUEST_LIMIT,
	    .respond = keep_response,
	    .log = pass_log,
	    .context = guest,
	};
	char part[PATH_MAX];
	const char *path = program->path;
	if (!path) {
		int result = paths_part(part, sizeof(part), program->part, error);
		if (result)
			return result;
		path = part;
	}
	const char *arguments[6] = {path};
	memcpy(arguments + 1, program->arguments, sizeof(program->arguments));
	const char *const environment[] = {program->variable, NULL};
	struct monitor_options options = {
	    .dialer = &accel_dialer_own,
	    .guest.program = path,
	    .guest.arguments = arguments,
	    .guest.environment = environment,
	    .isolation = isolation,
	    .guest.root = program->root,
	    .warm_up = program->warm_up ? program->input : NULL,
	    .warm_up_length = program->warm_up ? program->input_length : 0,
	    .guest.memory = program->memory ? program->memory : MEMORY_DEFAULT,
	};
	int result = monitor_open(&guest->monitor, &options, error);
	return result ? result : prepare(guest, error);
}

void guest_close(struct guest *guest)
{
	slot_close(guest->slot);
	monitor_close(guest->monitor);
	free(guest->response);
	*guest = (struct guest){0};
}

int guest_serve_in(struct guest *guest, struct slot *slot, struct error *error)
{
	struct request_result result;
	guest->response_length = 0;
	int code = slot_serve(slot, &guest->request, &result, error);
	return code ? code : check_outcome(&result, error);
}

int guest_serve(struct guest *guest, struct error *error)
{
	return guest_serve_in(guest, guest->slot, error);
}

int guest_measure_request(void *context, double *ns, struct error *error)
{
	struct guest *guest = context;
	uint64_t begin = clock_now_ns();
	int result = guest_serve(guest, error);
	*ns = (double)(clock_now_ns() - begin);
	return result;
}

int guest_measure_response(void *context, double *ns, struct error *error)
{
	struct guest *guest = context;
	int result = guest_serve(guest, error);
	if (result)
		return result;
	guest->response[guest->response_length] = 0;
	char *end;
	*ns = strtod((const char *)guest->response, &end);
	if (end == (const char *)guest->response || *ns <= 0)
		return error_set(error, EPROTO, "the guest did not answer with a time: %s",
				 (const char *)guest->response);
	return 0;
}
