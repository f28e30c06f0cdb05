/* Arrays of arguments: their life, and how arguments get into them. */
#include "accel/args/array.h"

#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"
#include "vaccel/error.h"

int vaccel_arg_array_init(struct vaccel_arg_array *array, size_t initial_capacity)
{
	if (!array)
		return VACCEL_EINVAL;
	size_t capacity = initial_capacity ? initial_capacity : ARG_ARRAY_CAPACITY_DEFAULT;
	/* Not calloc(): what lies behind `count` is never read, and malloc() keeps small pieces at
	 * hand. */
	struct vaccel_arg *args = reallocarray(NULL, capacity, sizeof(*args));
	if (!args)
		return VACCEL_ENOMEM;
	array->args = args;
	array->count = 0;
	array->capacity = capacity;
	array->position = 0;
	array->owned = true;
	return VACCEL_OK;
}

int vaccel_arg_array_release(struct vaccel_arg_array *array)
{
	if (!array)
		return VACCEL_EINVAL;
	for (size_t i = 0; array->owned && i < array->count; i++)
		if (array->args[i].owned)
			free(array->args[i].buf);
	if (array->owned)
		free(array->args);
	*array = (struct vaccel_arg_array){0};
	return VACCEL_OK;
}

int vaccel_arg_array_new(struct vaccel_arg_array **array, size_t initial_capacity)
{
	if (!array)
		return VACCEL_EINVAL;
	struct vaccel_arg_array *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	int result = vaccel_arg_array_init(fresh, initial_capacity);
	if (result)
		free(fresh);
	else
		*array = fresh;
	return result;
}

int vaccel_arg_array_delete(struct vaccel_arg_array *array)
{
	int result = vaccel_arg_array_release(array);
	free(array);
	return result;
}

int vaccel_arg_array_wrap(struct vaccel_arg_array *array, struct vaccel_arg *args, size_t count)
{
	if (!array || !args || !count)
		return VACCEL_EINVAL;
	*array = (struct vaccel_arg_array){.args = args, .count = count, .capacity = count};
	return VACCEL_OK;
}

void vaccel_arg_array_clear(struct vaccel_arg_array *array)
{
	if (!array || !array->args)
		return;
	for (size_t i = 0; i < array->count; i++)
		vaccel_arg_release(&array->args[i]);
	array->count = 0;
	array->position = 0;
}

/* Makes room for `more` arguments. */
static int array_reserve(struct vaccel_arg_array *array, size_t more)
{
	size_t wanted;
	if (add_overflows(array->count, more, &wanted))
		return VACCEL_ERANGE;
	if (wanted <= array->capacity)
		return VACCEL_OK;
	if (!array->owned)
		return VACCEL_ERANGE;
	size_t capacity = array->capacity > wanted / 2 ? 2 * array->capacity : wanted;
	struct vaccel_arg *larger = reallocarray(array->args, capacity, sizeof(*larger));
	if (!larger)
		return VACCEL_ENOMEM;
	array->args = larger;
	array->capacity = capacity;
	return VACCEL_OK;
}

int arg_array_grow(struct vaccel_arg_array *array)
{
	return array_reserve(array, 1);
}

int vaccel_arg_array_add_range(struct vaccel_arg_array *dest, const struct vaccel_arg_array *src,
			       size_t start_idx, size_t count, bool copy)
{
	if (!dest || !src || !src->args)
		return VACCEL_EINVAL;
	if (!range_within(start_idx, count, src->count))
		return VACCEL_ERANGE;
	int result = array_reserve(dest, count);
	size_t begin = dest->count;
	for (size_t i = start_idx; !result && i < start_idx + count; i++) {
		/* Read only now: both may be the same array, which has just moved. */
		const struct vaccel_arg *arg = &src->args[i];
		struct vaccel_arg *added = &dest->args[dest->count];
		if (copy && arg->buf) {
			result = vaccel_arg_init(added, arg->buf, arg->size, arg->type,
						 arg->custom_type_id);
		} else {
			*added = *arg;
			added->owned = false;
		}
		dest->count += !result;
	}
	while (result && dest->count > begin)
		vaccel_arg_release(&dest->args[--dest->count]);
	return result;
}

int vaccel_arg_array_add_remaining(struct vaccel_arg_array *dest,
				   const struct vaccel_arg_array *src, bool copy)
{
	if (!dest || !src)
		return VACCEL_EINVAL;
	return vaccel_arg_array_add_range(dest, src, src->position,
					  vaccel_arg_array_remaining_count(src), copy);
}

int vaccel_arg_array_add_all(struct vaccel_arg_array *dest, const struct vaccel_arg_array *src,
			     bool copy)
{
	if (!dest || !src)
		return VACCEL_EINVAL;
	return vaccel_arg_array_add_range(dest, src, 0, src->count, copy);
}

int vaccel_arg_array_get_remaining(struct vaccel_arg_array *array, struct vaccel_arg **args,
				   size_t *count)
{
	if (!array || !args || !count)
		return VACCEL_EINVAL;
	*count = vaccel_arg_array_remaining_count(array);
	*args = *count ? &array->args[array->position] : NULL;
	return VACCEL_OK;
}

size_t vaccel_arg_array_remaining_count(const struct vaccel_arg_array *array)
{
	return array && array->position < array->count ? array->count - array->position : 0;
}

size_t vaccel_arg_array_position(const struct vaccel_arg_array *array)
{
	return array ? array->position : 0;
}

void vaccel_arg_array_set_position(struct vaccel_arg_array *array, size_t position)
{
	if (array)
		array->position = position < array->count ? position : array->count;
}

void vaccel_arg_array_reset_position(struct vaccel_arg_array *array)
{
	if (array)
		array->position = 0;
}

size_t vaccel_arg_array_count(const struct vaccel_arg_array *array)
{
	return array ? array->count : 0;
}

struct vaccel_arg *vaccel_arg_array_raw(struct vaccel_arg_array *array)
{
	return array ? array->args : NULL;
}
