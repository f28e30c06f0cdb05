/* Single arguments. */
#include "vaccel/arg.h"

#include <stdlib.h>
#include <string.h>

#include "vaccel/error.h"

int vaccel_arg_init(struct vaccel_arg *arg, const void *buf, size_t size, vaccel_arg_type_t type,
		    uint32_t custom_id)
{
	if (!arg || (buf && !size))
		return VACCEL_EINVAL;
	void *copy = NULL;
	if (size) {
		copy = calloc(1, size);
		if (!copy)
			return VACCEL_ENOMEM;
		if (buf)
			memcpy(copy, buf, size);
	}
	*arg = (struct vaccel_arg){
	    .buf = copy, .size = size, .type = type, .custom_type_id = custom_id, .owned = true};
	return VACCEL_OK;
}

int vaccel_arg_init_from_buf(struct vaccel_arg *arg, void *buf, size_t size, vaccel_arg_type_t type,
			     uint32_t custom_id)
{
	if (!arg || !buf != !size)
		return VACCEL_EINVAL;
	*arg = (struct vaccel_arg){
	    .buf = buf, .size = size, .type = type, .custom_type_id = custom_id};
	return VACCEL_OK;
}

int vaccel_arg_release(struct vaccel_arg *arg)
{
	if (!arg)
		return VACCEL_EINVAL;
	if (arg->owned)
		free(arg->buf);
	*arg = (struct vaccel_arg){.type = VACCEL_ARG_MAX};
	return VACCEL_OK;
}

static int hand_out(struct vaccel_arg **out, struct vaccel_arg *arg, int result)
{
	if (result)
		free(arg);
	else
		*out = arg;
	return result;
}

int vaccel_arg_new(struct vaccel_arg **arg, const void *buf, size_t size, vaccel_arg_type_t type,
		   uint32_t custom_id)
{
	if (!arg)
		return VACCEL_EINVAL;
	struct vaccel_arg *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	return hand_out(arg, fresh, vaccel_arg_init(fresh, buf, size, type, custom_id));
}

int vaccel_arg_from_buf(struct vaccel_arg **arg, void *buf, size_t size, vaccel_arg_type_t type,
			uint32_t custom_id)
{
	struct vaccel_arg *fresh;
	int result = arg ? vaccel_arg_new(&fresh, NULL, 0, type, custom_id) : VACCEL_EINVAL;
	if (result)
		return result;
	return hand_out(arg, fresh, vaccel_arg_init_from_buf(fresh, buf, size, type, custom_id));
}

int vaccel_arg_delete(struct vaccel_arg *arg)
{
	int result = vaccel_arg_release(arg);
	free(arg);
	return result;
}
