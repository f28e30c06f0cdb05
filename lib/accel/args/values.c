/* Typed values in argument arrays: add, get and set for every type.
 *
 * The functions for the 13 numeric types are generated from one list; they check their pointers and
 * leave the rest to add_value(), get_value() and set_value().
 */
#include <stdlib.h>
#include <string.h>

#include "accel/args/array.h"
#include "sizes/sizes.h"
#include "vaccel/error.h"

/* Inlined, so that sizes of elements are constants and nothing is divided. */
#define INLINED static inline __attribute__((always_inline))

INLINED int add_value(struct vaccel_arg_array *array, vaccel_arg_type_t type, const void *data,
		      size_t count, size_t element)
{
	size_t size;
	if (!array || !data || !count || mul_overflows(count, element, &size))
		return VACCEL_EINVAL;
	return arg_array_append(array, (void *)data, size, type, 0, false);
}

/* Yields the argument at the position if it is of the type and holds whole elements; the caller
 * goes on to the next when it has taken the value. */
INLINED int typed_argument(struct vaccel_arg_array *array, vaccel_arg_type_t type, size_t element,
			   struct vaccel_arg **arg)
{
	int result = arg_array_peek(array, arg);
	if (result)
		return result;
	if ((*arg)->type != type || !(*arg)->buf || !(*arg)->size || (*arg)->size % element)
		return VACCEL_EINVAL;
	return VACCEL_OK;
}

INLINED int get_scalar(struct vaccel_arg_array *array, vaccel_arg_type_t type, void *value,
		       size_t element)
{
	struct vaccel_arg *arg;
	if (!array || !value)
		return VACCEL_EINVAL;
	int result = typed_argument(array, type, element, &arg);
	if (result)
		return result;
	if (arg->size != element)
		return VACCEL_EINVAL;
	memcpy(value, arg->buf, element);
	array->position++;
	return VACCEL_OK;
}

INLINED int get_array(struct vaccel_arg_array *array, vaccel_arg_type_t type, void **values,
		      size_t *count, size_t element)
{
	struct vaccel_arg *arg;
	if (!array || !values)
		return VACCEL_EINVAL;
	int result = typed_argument(array, type, element, &arg);
	if (result)
		return result;
	*values = arg->buf;
	if (count)
		*count = arg->size / element;
	array->position++;
	return VACCEL_OK;
}

INLINED int set_value(struct vaccel_arg_array *array, vaccel_arg_type_t type, const void *data,
		      size_t count, size_t element)
{
	size_t size;
	struct vaccel_arg *arg;
	if (!array || !data || !count || mul_overflows(count, element, &size))
		return VACCEL_EINVAL;
	int result = typed_argument(array, type, element, &arg);
	if (result)
		return result;
	if (arg->size < size)
		return VACCEL_EINVAL;
	memcpy(arg->buf, data, size);
	array->position++;
	return VACCEL_OK;
}

#define ARG_ARRAY_DEFINE(name, c_type, scalar, array_type)                                         \
	int vaccel_arg_array_add_##name(struct vaccel_arg_array *array, c_type *value)             \
	{                                                                                          \
		return add_value(array, scalar, value, 1, sizeof(c_type));                         \
	}                                                                                          \
	int vaccel_arg_array_add_##name##_array(struct vaccel_arg_array *array, c_type *values,    \
						size_t count)                                      \
	{                                                                                          \
		return add_value(array, array_type, values, count, sizeof(c_type));                \
	}                                                                                          \
	int vaccel_arg_array_get_##name(struct vaccel_arg_array *array, c_type *value)             \
	{                                                                                          \
		return get_scalar(array, scalar, value, sizeof(c_type));                           \
	}                                                                                          \
	int vaccel_arg_array_get_##name##_array(struct vaccel_arg_array *array, c_type **values,   \
						size_t *count)                                     \
	{                                                                                          \
		return get_array(array, array_type, (void **)values, count, sizeof(c_type));       \
	}                                                                                          \
	int vaccel_arg_array_set_##name(struct vaccel_arg_array *array, c_type *value)             \
	{                                                                                          \
		return set_value(array, scalar, value, 1, sizeof(c_type));                         \
	}                                                                                          \
	int vaccel_arg_array_set_##name##_array(struct vaccel_arg_array *array, c_type *values,    \
						size_t count)                                      \
	{                                                                                          \
		return set_value(array, array_type, values, count, sizeof(c_type));                \
	}
VACCEL_ARG_NUMERIC_TYPES(ARG_ARRAY_DEFINE)

int vaccel_arg_array_add_raw(struct vaccel_arg_array *array, void *buf, size_t size)
{
	return add_value(array, VACCEL_ARG_RAW, buf, size, 1);
}

int vaccel_arg_array_get_raw(struct vaccel_arg_array *array, void **buf, size_t *size)
{
	if (!size)
		return VACCEL_EINVAL;
	return get_array(array, VACCEL_ARG_RAW, buf, size, 1);
}

int vaccel_arg_array_set_raw(struct vaccel_arg_array *array, void *buf, size_t size)
{
	return set_value(array, VACCEL_ARG_RAW, buf, size, 1);
}

int vaccel_arg_array_add_string(struct vaccel_arg_array *array, char *str)
{
	return add_value(array, VACCEL_ARG_STRING, str, str ? strlen(str) + 1 : 0, 1);
}

int vaccel_arg_array_get_string(struct vaccel_arg_array *array, char **str)
{
	struct vaccel_arg *arg;
	if (!array || !str)
		return VACCEL_EINVAL;
	int result = typed_argument(array, VACCEL_ARG_STRING, 1, &arg);
	if (result)
		return result;
	if (((const char *)arg->buf)[arg->size - 1])
		return VACCEL_EINVAL;
	*str = arg->buf;
	array->position++;
	return VACCEL_OK;
}

int vaccel_arg_array_set_string(struct vaccel_arg_array *array, char *str)
{
	return set_value(array, VACCEL_ARG_STRING, str, str ? strlen(str) + 1 : 0, 1);
}

int vaccel_arg_array_add_buffer(struct vaccel_arg_array *array, void *buf, size_t size)
{
	return add_value(array, VACCEL_ARG_BUFFER, buf, size, 1);
}

int vaccel_arg_array_get_buffer(struct vaccel_arg_array *array, void **buf, size_t *size)
{
	return get_array(array, VACCEL_ARG_BUFFER, buf, size, 1);
}

int vaccel_arg_array_set_buffer(struct vaccel_arg_array *array, void *buf, size_t size)
{
	return set_value(array, VACCEL_ARG_BUFFER, buf, size, 1);
}

int vaccel_arg_array_add_custom(struct vaccel_arg_array *array, uint32_t custom_id, void *buf,
				size_t size, vaccel_arg_type_validator_fn validator)
{
	if (!array || !buf || !size || !validator || !validator(buf, size, custom_id))
		return VACCEL_EINVAL;
	return arg_array_append(array, buf, size, VACCEL_ARG_CUSTOM, custom_id, false);
}

int vaccel_arg_array_get_custom(struct vaccel_arg_array *array, uint32_t expected_id, void **buf,
				size_t *size, vaccel_arg_type_validator_fn validator)
{
	struct vaccel_arg *arg;
	if (!array || !buf || !size || !validator)
		return VACCEL_EINVAL;
	int result = typed_argument(array, VACCEL_ARG_CUSTOM, 1, &arg);
	if (result)
		return result;
	if (arg->custom_type_id != expected_id || !validator(arg->buf, arg->size, expected_id))
		return VACCEL_EINVAL;
	*buf = arg->buf;
	*size = arg->size;
	array->position++;
	return VACCEL_OK;
}

int vaccel_arg_array_set_custom(struct vaccel_arg_array *array, uint32_t custom_id, void *buf,
				size_t size, vaccel_arg_type_validator_fn validator)
{
	struct vaccel_arg *arg;
	if (!array || !buf || !size || !validator || !validator(buf, size, custom_id))
		return VACCEL_EINVAL;
	int result = arg_array_peek(array, &arg);
	if (result)
		return result;
	if (arg->custom_type_id != custom_id)
		return VACCEL_EINVAL;
	return set_value(array, VACCEL_ARG_CUSTOM, buf, size, 1);
}

int vaccel_arg_array_add_serialized(struct vaccel_arg_array *array, vaccel_arg_type_t type,
				    uint32_t custom_id, const void *data, size_t data_size,
				    vaccel_arg_serializer_fn serializer)
{
	if (!array || !data || !data_size || !serializer)
		return VACCEL_EINVAL;
	void *buf = NULL;
	size_t size = 0;
	int result = serializer(data, data_size, custom_id, &buf, &size);
	if (!result)
		result = arg_array_append(array, buf, size, type, custom_id, true);
	if (result)
		free(buf);
	return result;
}

int vaccel_arg_array_get_serialized(struct vaccel_arg_array *array, vaccel_arg_type_t expected_type,
				    uint32_t expected_custom_id, void *data, size_t expected_size,
				    vaccel_arg_deserializer_fn deserializer)
{
	struct vaccel_arg *arg;
	if (!array || !data || !expected_size || !deserializer)
		return VACCEL_EINVAL;
	int result = typed_argument(array, expected_type, 1, &arg);
	if (result)
		return result;
	if (arg->custom_type_id != expected_custom_id)
		return VACCEL_EINVAL;
	result = deserializer(arg->buf, arg->size, expected_custom_id, expected_size, data);
	if (!result)
		array->position++;
	return result;
}

int vaccel_arg_array_set_serialized(struct vaccel_arg_array *array, vaccel_arg_type_t type,
				    uint32_t custom_id, void *data, size_t data_size,
				    vaccel_arg_serializer_fn serializer)
{
	struct vaccel_arg *arg;
	if (!array || !data || !data_size || !serializer)
		return VACCEL_EINVAL;
	int result = typed_argument(array, type, 1, &arg);
	if (result)
		return result;
	if (arg->custom_type_id != custom_id)
		return VACCEL_EINVAL;
	void *bytes = NULL;
	size_t size = 0;
	result = serializer(data, data_size, custom_id, &bytes, &size);
	if (!result)
		result = set_value(array, type, bytes, size, 1);
	free(bytes);
	return result;
}
