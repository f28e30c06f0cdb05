/* The tensors of one of vAccel's interfaces, from and to those of networks. The three interfaces
 * (torch, tf, tflite) have the same structure by different names, with different numbers for types.
 *
 * Before DEFINE_TENSOR_FORM(kind, …) there is `static const struct form_type kind_types[]`. It
 * defines:
 *
 *     bool kind_has_type(int element);
 *     int kind_wrap_inputs(struct model_run *run, struct vaccel_kind_tensor *const *inputs, error);
 *         Makes the run's tensors of the caller's, whose data they refer to.
 *     int kind_make_outputs(const struct model_run *run, struct vaccel_kind_tensor **outputs, error);
 *         Makes fresh tensors of the run's results; after an error all are NULL. */
#ifndef MAYFLY_ONNX_TENSOR_FORM_H
#define MAYFLY_ONNX_TENSOR_FORM_H

#include <errno.h>
#include <string.h>

#include "accel/models/rank.h"
#include "model_run.h"
#include "sizes/sizes.h"

struct form_type {
	int type; /* the interface's number */
	int element;
};

/* Where one type stands for several elements (bytes for bools), the one that the model wants. */
static inline int form_element_of(const struct form_type *types, size_t count, int type, int wanted)
{
	int element = 0;
	for (size_t i = 0; i < count; i++)
		if (types[i].type == type && (!element || types[i].element == wanted))
			element = types[i].element;
	return element;
}

/* The place in the table; `count` where there is none. */
static inline size_t form_find(const struct form_type *types, size_t count, int element)
{
	size_t place = 0;
	while (place < count && types[place].element != element)
		place++;
	return place;
}

static inline int form_has_no_type(const struct tensor *tensor, const char *name,
				   struct error *error)
{
	return error_set(error, ENOTSUP,
			 "output %s has elements of type %s, for which vAccel has no name: a Cast "
			 "in the model can make it float or int64",
			 name, element_name(tensor->element));
}

#define DEFINE_TENSOR_FORM(kind, dimension_type)                                                   \
	static bool kind##_has_type(int element)                                                   \
	{                                                                                          \
		return form_find(kind##_types, ARRAY_SIZE(kind##_types), element) <                \
		       ARRAY_SIZE(kind##_types);                                                   \
	}                                                                                          \
	static int kind##_wrap_inputs(struct model_run *run,                                       \
				      struct vaccel_##kind##_tensor *const *inputs,                \
				      struct error *error)                                         \
	{                                                                                          \
		for (size_t i = 0; i < run->input_count; i++) {                                    \
			const struct vaccel_##kind##_tensor *input = inputs[i];                    \
			const struct network_port *port = &run->inputs[i];                         \
			struct tensor *tensor = &run->tensors[i];                                  \
			if (!input || input->nr_dims < 0 || input->nr_dims > TENSOR_RANK_MAX ||    \
			    (input->nr_dims && !input->dims) || (input->size && !input->data))     \
				return error_set(error, EINVAL,                                    \
						 "input %s has no shape that is taken",            \
						 port->name);                                      \
			*tensor = (struct tensor){                                                 \
			    .element = form_element_of(kind##_types, ARRAY_SIZE(kind##_types),     \
						       (int)input->data_type, port->element),      \
			    .rank = (size_t)input->nr_dims,                                        \
			    .data = input->data,                                                   \
			    .size = input->size};                                                  \
			for (size_t j = 0; j < tensor->rank; j++)                                  \
				tensor->shape[j] = input->dims[j];                                 \
			if (!tensor->element)                                                      \
				return error_set(error, EINVAL,                                    \
						 "input %s has a type %d that is not taken",       \
						 port->name, (int)input->data_type);               \
		}                                                                                  \
		return 0;                                                                          \
	}                                                                                          \
	static int kind##_make_output(size_t index, const struct tensor *tensor, const char *name, \
				      struct vaccel_##kind##_tensor **out, struct error *error)    \
	{                                                                                          \
		size_t place = form_find(kind##_types, ARRAY_SIZE(kind##_types), tensor->element); \
		dimension_type dims[TENSOR_RANK_MAX + 1] = {0};                                    \
		if (place == ARRAY_SIZE(kind##_types))                                             \
			return form_has_no_type(tensor, name, error);                              \
		for (size_t i = 0; i < tensor->rank; i++) {                                        \
			dims[i] = (dimension_type)tensor->shape[i];                                \
			if (dims[i] != tensor->shape[i])                                           \
				return error_set(error, ERANGE, "output %s is too large", name);   \
		}                                                                                  \
		int result = kind##_tensor_for(                                                    \
		    index, out, tensor->rank, dims,                                                \
		    (enum vaccel_##kind##_data_type)kind##_types[place].type, tensor->size);       \
		if (result)                                                                        \
			return error_set_errno(error, result, "output %s has %zu bytes", name,     \
					       tensor->size);                                      \
		if (tensor->size)                                                                  \
			memcpy((*out)->data, tensor->data, tensor->size);                          \
		return 0;                                                                          \
	}                                                                                          \
	static int kind##_make_outputs(const struct model_run *run,                                \
				       struct vaccel_##kind##_tensor **outputs,                    \
				       struct error *error)                                        \
	{                                                                                          \
		int result = 0;                                                                    \
		size_t made = 0;                                                                   \
		for (; !result && made < run->output_count; made++)                                \
			result =                                                                   \
			    kind##_make_output(made, &run->result.tensors[made],                   \
					       run->outputs[made].name, &outputs[made], error);    \
		for (size_t i = 0; result && i < run->output_count; i++) {                         \
			if (i + 1 < made)                                                          \
				vaccel_##kind##_tensor_delete(outputs[i]);                         \
			outputs[i] = NULL;                                                         \
		}                                                                                  \
		return result;                                                                     \
	}

#endif
