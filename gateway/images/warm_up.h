/* The request that a set-up serves before the snapshot is taken. */
#ifndef MAYFLY_GATEWAY_WARM_UP_H
#define MAYFLY_GATEWAY_WARM_UP_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/contracts/contract.h"
#include "util/error.h"

/* A POST with that body, as the program reads it by its contract; the caller's to free. */
int warm_up_compose(enum contract_kind contract, const char *body, uint8_t **data, size_t *length,
		    struct error *error);

#endif
