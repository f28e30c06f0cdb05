/* A slot's way to the accelerator host, and what it must be told again after a clone.
 *
 * Set-up work before the snapshot may have opened sessions and registered resources. Their ids are
 * in the snapshot, so every clone's connection must know them under the same numbers: the journal
 * keeps the messages of the set-up, and each new connection begins with them and a mark.
 */
#ifndef MAYFLY_MONITOR_ACCELERATOR_H
#define MAYFLY_MONITOR_ACCELERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/memory/window.h"
#include "util/error.h"

struct accel_client;
struct accel_dialer;

struct accelerator_journal {
	struct {
		uint8_t *data;
		size_t length; /* of the copy: up to the message's data_end */
		uint64_t extent;
	} * messages;
	size_t count;
	uint64_t bytes;
};

struct accelerator {
	const struct accel_dialer *dialer;
	struct accel_client *client; /* NULL: not connected */
	const struct window *window;
};

void accelerator_init(struct accelerator *accelerator, const struct window *window,
		      const struct accel_dialer *dialer);

/* Serves the message at [offset, offset + length) of the window's arena. `journal` is where to
 * remember it (the set-up), or NULL. Returns 0 or a negative errno for the guest, with the reason
 * in *error: -ENODEV where no host can be reached; -ETIMEDOUT past the deadline, or where the host
 * does not answer for so long that none seems to be there. */
int accelerator_call(struct accelerator *accelerator, uint64_t offset, uint64_t length,
		     uint64_t deadline_ns, struct accelerator_journal *journal,
		     struct error *error);

/* Before a clone runs: makes sure that the connection knows the set-up's objects. Nothing to do
 * where the journal is empty. Uses the arena, which must be zero and is so afterwards; after a
 * failure the host may still write there. Errors as those of accelerator_call(). */
int accelerator_restore(struct accelerator *accelerator, const struct accelerator_journal *journal,
			uint64_t deadline_ns, struct error *error);

/* After a request: releases what it opened, and brings back what it released of the set-up. */
void accelerator_reset(struct accelerator *accelerator);

void accelerator_release(struct accelerator *accelerator);
void accelerator_journal_release(struct accelerator_journal *journal);

#endif
