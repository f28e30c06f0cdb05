/* What a worker leaves behind when it dies: whether it has served anybody, and which ops were under
 * way. A page that it shares with its supervisor, which believes none of it and only tells it. */
#ifndef MAYFLY_ACCELD_IN_FLIGHT_H
#define MAYFLY_ACCELD_IN_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct in_flight;

/* Shared with the processes that this one forks from now on. NULL with `error` set where there is
 * no memory. */
struct in_flight *in_flight_new(struct error *error);

/* NULL is fine. */
void in_flight_delete(struct in_flight *in_flight);

/* For the next worker. */
void in_flight_clear(struct in_flight *in_flight);

/* Around an op (vaccel_op_type_t or enum wire_op; any other number is not noted). Thread-safe. */
void in_flight_begin(struct in_flight *in_flight, uint16_t op);
void in_flight_end(struct in_flight *in_flight, uint16_t op);

/* True where an op has ended. */
bool in_flight_has_served(const struct in_flight *in_flight);

/* Writes the names of ops under way, with commas between: "" where there are none. Names for which
 * there is no room are left out. */
void in_flight_describe(const struct in_flight *in_flight, char *text, size_t size);

#endif
