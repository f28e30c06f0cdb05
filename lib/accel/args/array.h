/* What the typed functions need of an array. */
#ifndef MAYFLY_ACCEL_ARGS_ARRAY_H
#define MAYFLY_ACCEL_ARGS_ARRAY_H

#include "vaccel/arg.h"
#include "vaccel/error.h"

enum { ARG_ARRAY_CAPACITY_DEFAULT = 8 };

/* Makes room for one argument more. 0 or a VACCEL_E… code. */
int arg_array_grow(struct vaccel_arg_array *array);

/* Appends an argument. It is written field by field: the processor waits when it is to copy a struct
 * that it has just written in pieces. 0 or a VACCEL_E… code. */
static inline int arg_array_append(struct vaccel_arg_array *array, void *buf, size_t size,
				   vaccel_arg_type_t type, uint32_t custom_id, bool owned)
{
	if (array->count >= array->capacity) {
		int result = arg_array_grow(array);
		if (result)
			return result;
	}
	struct vaccel_arg *arg = &array->args[array->count++];
	arg->buf = buf;
	arg->size = size;
	arg->type = type;
	arg->custom_type_id = custom_id;
	arg->owned = owned;
	return VACCEL_OK;
}

/* Yields the argument at the position. VACCEL_ERANGE at the end. */
static inline int arg_array_peek(const struct vaccel_arg_array *array, struct vaccel_arg **arg)
{
	if (array->position >= array->count)
		return VACCEL_ERANGE;
	*arg = &array->args[array->position];
	return VACCEL_OK;
}

#endif
