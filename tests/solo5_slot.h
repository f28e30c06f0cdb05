/* A slot of a Solo5 guest without a machine: its memory is there, and whoever has it plays the guest. */
#ifndef MAYFLY_TESTS_MONITOR_SOLO5_SLOT_H
#define MAYFLY_TESTS_MONITOR_SOLO5_SLOT_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel_client/accel_client.h"
#include "monitor/guests/solo5/solo5.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define SOLO5_PLAYED_MEMORY (4UL << 20)

struct solo5_played {
	struct machine machine;
	uint8_t *memory;
	struct guest_solo5 guest;
	struct slot slot;
	struct setup setup;
	struct request request;
	struct request_result result;
	uint64_t responded; /* bytes */
};

static inline uint8_t *solo5_played_memory(struct machine *machine, uint64_t physical,
					   uint64_t length)
{
	const struct solo5_played *played = (const struct solo5_played *)machine;
	return range_within(physical, length, SOLO5_PLAYED_MEMORY) ? played->memory + physical
								   : NULL;
}

static inline uint64_t solo5_played_counter(struct machine *machine)
{
	(void)machine;
	return NANOSECONDS_PER_SECOND;
}

static inline int solo5_played_save(struct machine *machine, struct machine_state *state,
				    struct error *error)
{
	(void)machine;
	(void)error;
	state->length = 1;
	return 0;
}

static inline int solo5_played_respond(void *context, const void *data, size_t length,
				       uint64_t deadline_ns)
{
	struct solo5_played *played = context;
	const volatile uint8_t *byte = data;
	(void)deadline_ns;
	for (size_t i = 0; i < length; i++)
		(void)byte[i];
	played->responded += length;
	return 0;
}

/* There is no accelerator host. */
static inline int solo5_played_dial(void *context, uint64_t deadline_ns, int *socket,
				    struct error *error)
{
	(void)context;
	(void)deadline_ns;
	*socket = -1;
	return error_set(error, ECONNREFUSED, "nobody is there");
}

static const struct accel_dialer solo5_played_dialer = {.dial = solo5_played_dial};

static const struct isolation solo5_played_isolation = {
    .name = "played",
    .memory = solo5_played_memory,
    .counter_hz = solo5_played_counter,
    .save = solo5_played_save,
};

/* With the devices of the manifest attached as the texts say. False where that fails. */
static inline bool solo5_played_open(struct solo5_played *played,
				     const struct solo5_manifest *manifest,
				     const char *const *devices, struct error *error)
{
	memset(played, 0, sizeof(*played));
	played->machine.isolation = &solo5_played_isolation;
	played->memory = calloc(1, SOLO5_PLAYED_MEMORY);
	played->guest.guest.kind = &guest_solo5;
	played->guest.start.memory = SOLO5_PLAYED_MEMORY;
	played->guest.manifest = *manifest;
	played->slot = (struct slot){.guest = &played->guest.guest,
				     .name = "played",
				     .machine = &played->machine,
				     .window.memfd = -1};
	played->request = (struct request){
	    .data = "", .fd = -1, .respond = solo5_played_respond, .context = played};
	played->slot.request = &played->request;
	played->slot.result = &played->result;
	played->slot.deadline_ns = clock_now_ns() + NANOSECONDS_PER_SECOND;
	accelerator_init(&played->slot.accelerator, &played->slot.window, &solo5_played_dialer);
	return played->memory && !window_create(&played->slot.window, error) &&
	       !solo5_devices_open(&played->guest.devices, &played->guest.manifest, devices,
				   error) &&
	       !solo5_open(&played->slot, error);
}

static inline void solo5_played_close(struct solo5_played *played)
{
	solo5_close(&played->slot);
	solo5_devices_release(&played->guest.devices);
	window_release(&played->slot.window);
	setup_output_release(&played->setup.output);
	free(played->setup.state.devices);
	free(played->memory);
}

#endif
