/* `mayfly-courier`: what its files share. One thread; nothing here is believed but what the supervisor says. */
#ifndef MAYFLY_GATEWAY_COURIER_PROCESS_H
#define MAYFLY_GATEWAY_COURIER_PROCESS_H

#include <curl/curl.h>

#include "courier/courier_wire.h"
#include "record/record.h"
#include "util/error.h"

struct outgoing {
	struct outgoing *next;
	struct link_message message;
};

struct process {
	struct arena *arena;	/* its own, for answers */
	struct arena_view view; /* the supervisor's */
	struct record_view settings;
	unsigned reach;
	const char *certificates, *proxy; /* NULL: none */
	CURLM *transfers;
	struct outgoing *first, **last; /* that find no room */
};

/* An order, checked: its record is a copy. */
struct order_view {
	const struct link_message *message;
	struct record_view head;
	const uint8_t *body;
	size_t body_length;
};

/* ── answers (process.c) ─────────────────────────────────────────────────────────────────────── */

/* `block`: of the own arena, at `offset`; NULL: none. */
void process_answer(struct process *process, uint64_t id, unsigned code, const void *block,
		    uint64_t offset, size_t head_length, size_t length);
void process_fail(struct process *process, uint64_t id, int result, const char *text);

/* Until the supervisor has gone: 0; or what went wrong. */
int process_run(struct process *process, struct error *error);

/* ── orders ──────────────────────────────────────────────────────────────────────────────────── */

/* post.c: begins a call; its answer follows later. */
void post_begin(struct process *process, const struct order_view *order);
/* Goes on with those that were begun, and answers those that have ended. */
void post_continue(struct process *process);

/* parse.c: answered at once. */
void parse_output(struct process *process, const struct order_view *order);

#endif
