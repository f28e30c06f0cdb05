/* What a worker leaves behind when it dies: whether it has served anybody, and which ops were under
 * way. A page that it shares with its supervisor, which believes none of it and only tells it. */
#ifndef MAYFLY_ACCELD_LEDGER_H
#define MAYFLY_ACCELD_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct ledger;

/* Shared with the processes that this one forks from now on. NULL with `error` set where there is
 * no memory. */
struct ledger *ledger_new(struct error *error);

/* NULL is fine. */
void ledger_delete(struct ledger *ledger);

/* For the next worker. */
void ledger_clear(struct ledger *ledger);

/* Around an op (vaccel_op_type_t or enum wire_op; any other number is not noted). Thread-safe. */
void ledger_begin(struct ledger *ledger, uint16_t op);
void ledger_end(struct ledger *ledger, uint16_t op);

/* True where an op has ended. */
bool ledger_has_served(const struct ledger *ledger);

/* Writes the names of ops under way, with commas between: "" where there are none. What finds no
 * room is left out. */
void ledger_describe(const struct ledger *ledger, char *text, size_t size);

#endif
