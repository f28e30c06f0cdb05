/* The table of all ops; see ops.h. */
#include "accel/wire/ops.h"

/* GCC and clang both take a character of a literal for a constant. */
#define NAMES_RESOURCE(inputs) ((inputs)[0] == 'm')

const struct wire_op_facts wire_op_facts[WIRE_OP_PLACES] = {
#define HOST_OP(name, number, function, flags)                                                     \
	[WIRE_OP_PLACE_##name] = {WIRE_OP_##name, #name, false, flags},
#define API_OP(name, shim, inputs, outputs, flags)                                                 \
	[WIRE_OP_PLACE_##name] = {VACCEL_OP_##name, #name, NAMES_RESOURCE(inputs), flags},
#define RESULT_OP(name, number, shim, function, inputs, outputs, flags)                            \
	[WIRE_OP_PLACE_##name] = {WIRE_OP_##name, #name, NAMES_RESOURCE(inputs), flags},
#include "mayfly/ops.def"
};

/* NULL where there is no such op. */
static const struct wire_op_facts *find_facts(uint16_t number)
{
	enum wire_op_place place = wire_op_place(number);
	return place < WIRE_OP_PLACES ? &wire_op_facts[place] : NULL;
}

const char *wire_op_name(uint16_t number)
{
	const struct wire_op_facts *facts = find_facts(number);
	return facts ? facts->name : "an unknown op";
}

bool wire_op_names_resource(uint16_t number)
{
	const struct wire_op_facts *facts = find_facts(number);
	return facts && facts->names_resource;
}

bool wire_op_leaves_state(uint16_t number)
{
	const struct wire_op_facts *facts = find_facts(number);
	return facts && (facts->flags & OP_LEAVES_STATE);
}

bool wire_op_carries(uint16_t number)
{
	const struct wire_op_facts *facts = find_facts(number);
	return facts && (facts->flags & OP_CARRIES);
}

bool wire_op_runs_code(uint16_t number)
{
	const struct wire_op_facts *facts = find_facts(number);
	return facts && (facts->flags & OP_RUNS_CODE);
}
