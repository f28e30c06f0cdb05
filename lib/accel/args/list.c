/* Lists of arguments as they were before arrays; see vaccel/arg_list.h. */
#include "vaccel/arg_list.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vaccel/arg.h"
#include "vaccel/error.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct vaccel_arg_list *vaccel_args_init(uint32_t size)
{
	if (!size || size > INT_MAX)
		return NULL;
	struct vaccel_arg_list *list = malloc(sizeof(*list));
	if (!list)
		return NULL;
	*list = (struct vaccel_arg_list){
	    .size = size,
	    .list = calloc(size, sizeof(*list->list)),
	    .idcs_allocated_space = calloc(size, sizeof(*list->idcs_allocated_space)),
	};
	if (list->list && list->idcs_allocated_space)
		return list;
	free(list->list);
	free(list->idcs_allocated_space);
	free(list);
	return NULL;
}

static bool is_full(const struct vaccel_arg_list *args)
{
	return args->curr_idx < 0 || (uint32_t)args->curr_idx >= args->size;
}

static int append(struct vaccel_arg_list *args, struct vaccel_arg arg, bool is_allocated)
{
	args->list[args->curr_idx] = arg;
	args->idcs_allocated_space[args->curr_idx] = is_allocated;
	args->curr_idx++;
	return VACCEL_OK;
}

int vaccel_add_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size)
{
	if (!args || !buf || !size || is_full(args))
		return VACCEL_EINVAL;
	return append(args, (struct vaccel_arg){.buf = buf, .size = size, .type = VACCEL_ARG_RAW},
		      false);
}

int vaccel_expect_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size)
{
	return vaccel_add_serial_arg(args, buf, size);
}

int vaccel_add_nonserial_arg(struct vaccel_arg_list *args, void *buf, uint32_t type,
			     void *(*serializer)(void *buf, uint32_t *size))
{
	if (!args || !buf || !serializer || is_full(args))
		return VACCEL_EINVAL;
	uint32_t size = 0;
	void *bytes = serializer(buf, &size);
	if (!bytes || !size) {
		free(bytes);
		return VACCEL_EINVAL;
	}
	return append(
	    args,
	    (struct vaccel_arg){
		.buf = bytes, .size = size, .type = VACCEL_ARG_CUSTOM, .custom_type_id = type},
	    true);
}

int vaccel_expect_nonserial_arg(struct vaccel_arg_list *args, uint32_t expected_size)
{
	if (!args || !expected_size || is_full(args))
		return VACCEL_EINVAL;
	void *room = calloc(1, expected_size);
	if (!room)
		return VACCEL_ENOMEM;
	return append(
	    args, (struct vaccel_arg){.buf = room, .size = expected_size, .type = VACCEL_ARG_RAW},
	    true);
}

void *vaccel_extract_serial_arg(struct vaccel_arg *args, int idx)
{
	return args && idx >= 0 ? args[idx].buf : NULL;
}

void *vaccel_extract_nonserial_arg(struct vaccel_arg *args, int idx,
				   void *(*deserializer)(void *buf, uint32_t size))
{
	if (!args || idx < 0 || !deserializer || args[idx].size > UINT32_MAX)
		return NULL;
	return deserializer(args[idx].buf, (uint32_t)args[idx].size);
}

int vaccel_write_serial_arg(struct vaccel_arg *args, int idx, void *buf)
{
	if (!args || idx < 0 || !buf || (args[idx].size && !args[idx].buf))
		return VACCEL_EINVAL;
	if (args[idx].size)
		memcpy(args[idx].buf, buf, args[idx].size);
	return VACCEL_OK;
}

int vaccel_write_nonserial_arg(struct vaccel_arg *args, int idx, void *buf,
			       void *(*serializer)(void *buf, uint32_t *size))
{
	if (!args || idx < 0 || !buf || !serializer)
		return VACCEL_EINVAL;
	uint32_t size = 0;
	void *bytes = serializer(buf, &size);
	bool fits = bytes && size && size <= args[idx].size && args[idx].buf;
	if (fits)
		memcpy(args[idx].buf, bytes, size);
	free(bytes);
	return fits ? VACCEL_OK : VACCEL_EINVAL;
}

int vaccel_delete_args(struct vaccel_arg_list *args)
{
	if (!args || !args->list || !args->size || !args->idcs_allocated_space)
		return VACCEL_EINVAL;
	for (uint32_t i = 0; i < args->size; i++)
		if (args->idcs_allocated_space[i])
			free(args->list[i].buf);
	free(args->list);
	free(args->idcs_allocated_space);
	free(args);
	return VACCEL_OK;
}
