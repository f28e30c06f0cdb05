/* Any bytes as the life of one connection of the accelerator host: a sequence of messages, marks
 * and resets, each message built by the guest's side of the codec out of the bytes and then broken
 * at some places. The noop plugin does the work. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accel/wire/wire.h"
#include "acceld/common/in_flight.h"
#include "acceld/common/plugins.h"
#include "acceld/tenants/account.h"
#include "acceld/worker/client.h"
#include "sizes/sizes.h"
#include "util/log.h"
#include "vaccel.h"

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SPACE	      16384
#define ARGUMENTS_MAX 8
#define STEPS_MAX     64
#define MEMORY	      (128 << 10) /* its half is small enough to be used up */

struct bytes {
	const uint8_t *next, *end;
};

static uint8_t take(struct bytes *bytes)
{
	return bytes->next < bytes->end ? *bytes->next++ : 0;
}

/* `size` bytes of the input, or of zeros where so many are not left. */
static const void *take_many(struct bytes *bytes, size_t size)
{
	static const uint8_t zeros[UINT8_MAX * 64];
	if ((size_t)(bytes->end - bytes->next) < size)
		return zeros;
	bytes->next += size;
	return bytes->next - size;
}

static uint16_t take_op(struct bytes *bytes)
{
	static const uint16_t ops[] = {WIRE_OP_SESSION_INIT,	  WIRE_OP_SESSION_RELEASE,
				       WIRE_OP_RESOURCE_REGISTER, WIRE_OP_RESOURCE_UNREGISTER,
				       WIRE_OP_DETECT_OBJECTS,	  WIRE_OP_CLASSIFY_LABELS,
				       WIRE_OP_POSE_KEYPOINTS,	  WIRE_OP_SEGMENT_MASK};
	uint8_t choice = take(bytes);
	return choice < ARRAY_SIZE(ops) ? ops[choice] : choice - 8;
}

static struct vaccel_arg take_argument(struct bytes *bytes)
{
	uint8_t type = take(bytes), count = take(bytes), scale = take(bytes);
	size_t size = (size_t)count << scale % 7;
	return (struct vaccel_arg){
	    .type = type % VACCEL_ARG_MAX,
	    .size = size,
	    .buf = (void *)take_many(bytes, size),
	};
}

static void free_grown(const struct accel_call *call)
{
	for (size_t i = 0; i < call->output_count; i++)
		if (call->outputs[i].owned)
			free(call->outputs[i].buf);
}

static void serve_message(struct client *client, struct bytes *bytes, uint8_t *space)
{
	struct vaccel_arg inputs[ARGUMENTS_MAX], outputs[ARGUMENTS_MAX];
	static uint8_t results[ARGUMENTS_MAX][UINT8_MAX * 64];
	uint32_t flags[ARGUMENTS_MAX];
	struct accel_call call = {.op = take_op(bytes),
				  .session = take(bytes) % 4,
				  .inputs = inputs,
				  .outputs = outputs,
				  .output_flags = flags};
	call.input_count = take(bytes) % (ARGUMENTS_MAX + 1);
	call.output_count = take(bytes) % (ARGUMENTS_MAX + 1);
	for (size_t i = 0; i < call.input_count; i++)
		inputs[i] = take_argument(bytes);
	for (size_t i = 0; i < call.output_count; i++) {
		uint8_t kind = take(bytes), size = take(bytes);
		flags[i] = kind & 0x80 ? WIRE_ARGUMENT_GROWS : 0;
		outputs[i] = (struct vaccel_arg){
		    .type = (kind & 0x7f) % VACCEL_ARG_MAX,
		    .size = flags[i] ? 0 : size,
		    .buf = flags[i] ? NULL : results[i],
		};
	}
	uint64_t extent;
	if (wire_encode(space, SPACE, &call, 1, &extent))
		return;
	for (uint8_t breaks = take(bytes) % 4; breaks; breaks--) {
		uint8_t place = take(bytes);
		space[place * 2UL % extent] = take(bytes);
	}
	struct error error = {0};
	int status;
	if (!client_serve(client, space, extent, 0, &error) &&
	    !wire_read_answer(space, extent, &call, 1, &status) && !status)
		free_grown(&call);
}

static struct plugins plugins;
static struct in_flight *in_flight;
static struct accounts accounts;
static struct account *account;

int LLVMFuzzerInitialize(int *count, char ***words)
{
	struct error error = {0};
	(void)count;
	(void)words;
	setenv("VACCEL_PLUGINS", "noop", 1);
	in_flight = in_flight_new(&error);
	accounts_init(&accounts,
		      &(struct account_limits){
			  .memory = MEMORY, .sessions = 16, .resources = 16, .models = 16});
	account = account_open(&accounts, (struct account_tenant){.number = 1}, &policy_default);
	if (!in_flight || !account || plugins_start(&plugins, &error))
		abort();
	/* Every refusal has a line, here and in libvaccel. */
	log_set_level((enum log_level)0);
	slog_config_set(&(SLogConfig){0});
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, data + size};
	struct client *client =
	    client_new(&(struct client_options){.plugins = &plugins, .in_flight = in_flight},
		       account, NULL, -1);
	uint8_t *space = aligned_alloc(WIRE_ALIGNMENT, SPACE);
	struct error error = {0};
	bool alive = client && space;
	for (int step = 0; alive && step < STEPS_MAX && bytes.next < bytes.end; step++) {
		uint8_t kind = take(&bytes);
		if (kind == 0xff)
			client_mark(client);
		else if (kind == 0xfe)
			alive = !client_reset(client, &error);
		else
			serve_message(client, &bytes, space);
	}
	client_delete(client);
	free(space);
#define CHECK_GIVEN_BACK(name, words)                                                              \
	if (account->parts.name.held)                                                              \
		abort();
	ACCOUNT_BUDGETS(CHECK_GIVEN_BACK)
#undef CHECK_GIVEN_BACK
	return 0;
}
