/* Tensors in and out of TensorFlow; see tensors.h. */
#include "tensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/element.h"
#include "runtime/text_tensor.h"
#include "sizes/sizes.h"

static void keep(void *data, size_t length, void *context)
{
	/* The data is the caller's. */
	(void)data;
	(void)length;
	(void)context;
}

static int wrap_texts(const struct tensorflow *tf, const struct tensor *input, tf_tensor **tensor,
		      struct error *error)
{
	size_t count = 1; /* checked: as many as there are texts */
	for (size_t i = 0; i < input->rank; i++)
		count *= (size_t)input->shape[i];
	*tensor = tf->allocate_tensor(tensorflow_type(ELEMENT_TEXT), input->shape, (int)input->rank,
				      count * sizeof(struct tf_text));
	if (!*tensor)
		return error_set(error, ENOMEM, "no memory for %zu texts", count);
	struct tf_text *texts = tf->tensor_data(*tensor);
	for (size_t i = 0; i < count; i++) {
		size_t length;
		const char *text = text_tensor_at(input->data, i, &length);
		tf->text_init(&texts[i]);
		tf->text_copy(&texts[i], text, length);
	}
	return 0;
}

int tensors_wrap(const struct tensorflow *tf, const struct tensor *input, tf_tensor **tensor,
		 struct error *error)
{
	int type = tensorflow_type(input->element);
	if (!type)
		return error_set(error, ENOTSUP, "TensorFlow has no tensors of %s",
				 element_name(input->element));
	if (input->element == ELEMENT_TEXT)
		return wrap_texts(tf, input, tensor, error);
	static char nothing; /* data of tensors without elements */
	*tensor = tf->new_tensor(type, input->shape, (int)input->rank,
				 input->data ? input->data : &nothing, input->size, keep, NULL);
	return *tensor ? 0 : error_set(error, EINVAL, "TensorFlow does not take this tensor");
}

void tensors_unwrap(const struct tensorflow *tf, tf_tensor *tensor)
{
	if (tf->tensor_type(tensor) == tensorflow_type(ELEMENT_TEXT)) {
		struct tf_text *texts = tf->tensor_data(tensor);
		const size_t count = tf->tensor_bytes(tensor) / sizeof(*texts);
		for (size_t i = 0; i < count; i++)
			tf->text_release(&texts[i]);
	}
	tf->delete_tensor(tensor);
}

static int read_texts(const struct tensorflow *tf, const tf_tensor *found, const char *name,
		      struct tensor *tensor, void **packed, struct error *error)
{
	const struct tf_text *texts = tf->tensor_data(found);
	size_t count = 1, bytes = 0;
	for (size_t i = 0; i < tensor->rank; i++)
		if (mul_overflows(count, (size_t)tensor->shape[i], &count))
			return error_set(error, EINVAL, "output %s is too large", name);
	if (count > tf->tensor_bytes(found) / sizeof(*texts))
		return error_set(error, EIO, "output %s has fewer texts than its shape", name);
	for (size_t i = 0; i < count; i++)
		if (add_overflows(bytes, tf->text_size(&texts[i]), &bytes))
			return error_set(error, EINVAL, "output %s is too large", name);
	tensor->size = text_tensor_size(count, bytes);
	if (!tensor->size)
		return error_set(error, EINVAL, "output %s is too large", name);
	tensor->data = *packed = malloc(tensor->size);
	if (!tensor->data)
		return error_set(error, ENOMEM, "no memory for output %s", name);
	text_tensor_begin(tensor->data, count);
	for (size_t i = 0; i < count; i++)
		text_tensor_put(tensor->data, i, tf->text_data(&texts[i]),
				tf->text_size(&texts[i]));
	return 0;
}

int tensors_read(const struct tensorflow *tf, const tf_tensor *found, const char *name,
		 struct tensor *tensor, void **packed, struct error *error)
{
	const int rank = tf->tensor_rank(found);
	if (rank < 0 || rank > TENSOR_RANK_MAX)
		return error_set(error, EINVAL, "output %s has %d dimensions, at most %d are taken",
				 name, rank, TENSOR_RANK_MAX);
	*tensor = (struct tensor){.element = tensorflow_element(tf->tensor_type(found)),
				  .rank = (size_t)rank,
				  .data = tf->tensor_data(found),
				  .size = tf->tensor_bytes(found)};
	for (int i = 0; i < rank; i++)
		tensor->shape[i] = tf->tensor_dimension(found, i);
	if (!tensor->element)
		return error_set(error, ENOTSUP,
				 "output %s has elements of a type that cannot be given", name);
	if (tensor->element == ELEMENT_TEXT)
		return read_texts(tf, found, name, tensor, packed, error);
	return 0;
}
