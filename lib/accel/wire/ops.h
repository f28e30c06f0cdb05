/* What is known of every op of mayfly/ops.def, for whoever passes messages on. Thread-safe. */
#ifndef MAYFLY_ACCEL_WIRE_OPS_H
#define MAYFLY_ACCEL_WIRE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/wire.h"
#include "vaccel/op.h"

#define OP_LEAVES_STATE 1u
#define OP_COMPUTES	2u
#define OP_CARRIES	4u
#define OP_RUNS_CODE	8u

/* The ops' places in tables of all of them, without gaps. */
enum wire_op_place {
#define HOST_OP(name, ...)   WIRE_OP_PLACE_##name,
#define API_OP(name, ...)    WIRE_OP_PLACE_##name,
#define RESULT_OP(name, ...) WIRE_OP_PLACE_##name,
#include "mayfly/ops.def"
	WIRE_OP_PLACES
};

struct wire_op_facts {
	uint16_t number; /* vaccel_op_type_t or enum wire_op */
	const char *name;
	bool names_resource; /* the first input is the id of a resource that the session has */
	unsigned flags;	     /* OP_… */
};

/* By place. */
extern const struct wire_op_facts wire_op_facts[WIRE_OP_PLACES];

/* The place of the op of this number; WIRE_OP_PLACES where there is none. */
static inline enum wire_op_place wire_op_place(uint16_t number)
{
	switch (number) {
#define PLACE(prefix, name)                                                                        \
	case prefix##name:                                                                         \
		return WIRE_OP_PLACE_##name;
#define HOST_OP(name, ...)   PLACE(WIRE_OP_, name)
#define API_OP(name, ...)    PLACE(VACCEL_OP_, name)
#define RESULT_OP(name, ...) PLACE(WIRE_OP_, name)
#include "mayfly/ops.def"
#undef PLACE
	default:
		return WIRE_OP_PLACES;
	}
}

/* Its name, or "an unknown op". */
const char *wire_op_name(uint16_t number);

/* True if the op has this property; false if there is no such op. */
bool wire_op_names_resource(uint16_t number);
bool wire_op_leaves_state(uint16_t number);
bool wire_op_carries(uint16_t number);
bool wire_op_runs_code(uint16_t number);

#endif
