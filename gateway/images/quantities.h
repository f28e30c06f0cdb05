/* Amounts as people write them for Kubernetes and OpenFaaS. */
#ifndef MAYFLY_GATEWAY_QUANTITIES_H
#define MAYFLY_GATEWAY_QUANTITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/* A quantity of Kubernetes, in thousandths, rounded up: digits, maybe a point and digits, and then nothing,
 * m (thousandths), k M G T P E (powers of 1000), Ki Mi Gi Ti Pi Ei (of 1024), or an exponent (e3, E-2).
 * EINVAL with a sentence that has the text in it; so with the others. */
int quantity_of(const char *text, unsigned __int128 *thousandths, struct error *error);

/* The same as whole units, rounded up. */
int quantity_units(const char *text, uint64_t *units, struct error *error);

/* Nanoseconds of a duration as Go writes it: numbers with h, m, s, ms, us, µs or ns, one after the other,
 * the largest unit usually first ("1h30m", "1.5s"). A number alone is seconds. */
int quantity_duration(const char *text, uint64_t *nanoseconds, struct error *error);

/* A whole number within a range. */
int quantity_whole(const char *text, uint64_t least, uint64_t most, uint64_t *number,
		   struct error *error);

/* true or false, as Go reads them: 1, t, true, yes … */
int quantity_truth(const char *text, bool *truth, struct error *error);

#endif
