/* Types of arguments: how large their elements are, and which types there are. */
#ifndef MAYFLY_ACCEL_ARGS_TYPES_H
#define MAYFLY_ACCEL_ARGS_TYPES_H

#include "vaccel/arg.h"

struct arg_type_facts {
	uint8_t element; /* bytes; 1 for types without elements */
	bool is_scalar;
	bool is_array;
};

static inline struct arg_type_facts arg_type_facts(vaccel_arg_type_t type)
{
#define ARG_TYPE_CASE(name, c_type, scalar, array_type)                                            \
	case scalar:                                                                               \
		return (struct arg_type_facts){.element = sizeof(c_type), .is_scalar = true};      \
	case array_type:                                                                           \
		return (struct arg_type_facts){.element = sizeof(c_type), .is_array = true};
	switch (type) {
		VACCEL_ARG_NUMERIC_TYPES(ARG_TYPE_CASE)
	default:
		return (struct arg_type_facts){.element = 1};
	}
#undef ARG_TYPE_CASE
}

#endif
