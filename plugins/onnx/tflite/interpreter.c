/* Interpreters of TensorFlow Lite; see interpreter.h. */
#include "interpreter.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

void tflite_words_add(void *context, const char *format, va_list arguments)
{
	struct tflite_words *words = context;
	size_t used = strlen(words->text);
	if (used && used + 2 < sizeof(words->text)) {
		memcpy(words->text + used, "; ", 3);
		used += 2;
	}
	vsnprintf(words->text + used, sizeof(words->text) - used, format, arguments);
	text_make_line(words->text, strlen(words->text));
	for (used = strlen(words->text); used && words->text[used - 1] == ' ';)
		words->text[--used] = 0;
}

static int fail(const struct interpreter *interpreter, int code, const char *what,
		struct error *error)
{
	const char *words = interpreter->words.text;
	return error_set(error, code, "TensorFlow Lite cannot %s%s%s", what, *words ? ": " : "",
			 words);
}

int interpreter_create(const struct tflite *tflite, const tflite_model *model,
		       struct interpreter **out, struct error *error)
{
	struct interpreter *interpreter = calloc(1, sizeof(*interpreter));
	tflite_options *options = tflite->create_options();
	if (!interpreter || !options) {
		free(interpreter);
		if (options)
			tflite->delete_options(options);
		return error_set(error, ENOMEM, "no memory for an interpreter");
	}
	interpreter->tflite = tflite;
	tflite->set_threads(options, 1);
	tflite->set_reporter(options, tflite_words_add, &interpreter->words);
	tflite->enable_cancellation(options, true);
	interpreter->handle = tflite->create_interpreter(model, options);
	tflite->delete_options(options);
	int result = 0;
	if (!interpreter->handle)
		result = fail(interpreter, EINVAL, "interpret the model", error);
	else if (tflite->allocate(interpreter->handle))
		result = fail(interpreter, EINVAL, "prepare the model", error);
	if (result) {
		interpreter_destroy(interpreter);
		return result;
	}
	*out = interpreter;
	return 0;
}

void interpreter_destroy(struct interpreter *interpreter)
{
	if (interpreter->handle)
		interpreter->tflite->delete_interpreter(interpreter->handle);
	free(interpreter);
}

static bool has_shape(const struct tflite *tflite, const tflite_tensor *tensor,
		      const struct tensor *wanted)
{
	if (tflite->tensor_rank(tensor) != (int32_t)wanted->rank)
		return false;
	for (size_t i = 0; i < wanted->rank; i++)
		if (tflite->tensor_dimension(tensor, (int32_t)i) != wanted->shape[i])
			return false;
	return true;
}

/* Operators divide by sizes, so there must be something in each dimension. */
static int resize(struct interpreter *interpreter, const struct network_port *port,
		  const struct tensor *wanted, bool *resized, struct error *error)
{
	const struct tflite *tflite = interpreter->tflite;
	const tflite_tensor *tensor = tflite->input(interpreter->handle, port->index);
	int shape[TENSOR_RANK_MAX] = {0};
	for (size_t i = 0; i < wanted->rank; i++) {
		if (!wanted->shape[i])
			return error_set(error, EINVAL,
					 "input %s has nothing in dimension %zu, which TensorFlow "
					 "Lite does not take",
					 port->name, i);
		if (wanted->shape[i] > INT_MAX)
			return error_set(error, EINVAL, "input %s is too large", port->name);
		shape[i] = (int)wanted->shape[i];
	}
	if (has_shape(tflite, tensor, wanted))
		return 0;
	*resized = true;
	return tflite->resize_input(interpreter->handle, port->index, shape, (int32_t)wanted->rank)
		   ? fail(interpreter, EINVAL, "take this shape", error)
		   : 0;
}

static int copy_in(struct interpreter *interpreter, const struct network_port *port,
		   const struct tensor *input, struct error *error)
{
	const struct tflite *tflite = interpreter->tflite;
	tflite_tensor *tensor = tflite->input(interpreter->handle, port->index);
	if (input->element == ELEMENT_TEXT && tflite->tensor_resize(input->size, tensor))
		return fail(interpreter, ENOMEM, "hold the texts", error);
	void *data = tflite->tensor_data(tensor);
	size_t bytes = tflite->tensor_bytes(tensor);
	if (!data || bytes != input->size)
		return error_set(error, EINVAL, "input %s of this shape has %zu bytes, not %zu",
				 port->name, bytes, input->size);
	memcpy(data, input->data, bytes);
	return 0;
}

int interpreter_fill(struct interpreter *interpreter, const struct network_call *call,
		     struct error *error)
{
	bool resized = false;
	int result = 0;
	interpreter->words.text[0] = 0;
	for (size_t i = 0; !result && i < call->input_count; i++)
		result =
		    resize(interpreter, &call->input_ports[i], &call->inputs[i], &resized, error);
	if (!result && resized && interpreter->tflite->allocate(interpreter->handle))
		result = fail(interpreter, EINVAL, "prepare the model for these shapes", error);
	for (size_t i = 0; !result && i < call->input_count; i++)
		result = copy_in(interpreter, &call->input_ports[i], &call->inputs[i], error);
	return result;
}

int interpreter_invoke(struct interpreter *interpreter, struct error *error)
{
	return interpreter->tflite->invoke(interpreter->handle)
		   ? fail(interpreter, EIO, "run the model", error)
		   : 0;
}

int interpreter_read(const struct interpreter *interpreter, const struct network_port *port,
		     struct tensor *tensor, struct error *error)
{
	const struct tflite *tflite = interpreter->tflite;
	const tflite_tensor *found = tflite->output(interpreter->handle, port->index);
	int32_t rank = found ? tflite->tensor_rank(found) : -1;
	if (rank < 0 || rank > TENSOR_RANK_MAX)
		return error_set(error, EINVAL, "output %s has %d dimensions, at most %d are taken",
				 port->name, (int)rank, TENSOR_RANK_MAX);
	*tensor = (struct tensor){.element = tflite_element(tflite->tensor_type(found)),
				  .rank = (size_t)rank,
				  .data = tflite->tensor_data(found),
				  .size = tflite->tensor_bytes(found)};
	for (int32_t i = 0; i < rank; i++)
		tensor->shape[i] = tflite->tensor_dimension(found, i);
	if (!tensor->element)
		return error_set(error, ENOTSUP,
				 "output %s has elements of a type that cannot be given",
				 port->name);
	if (tensor->size && !tensor->data)
		return error_set(error, EIO, "output %s was not computed", port->name);
	return 0;
}

bool interpreter_has_state(const struct interpreter *interpreter)
{
	const struct tflite *tflite = interpreter->tflite;
	if (tflite->variable_count(interpreter->handle) > 0)
		return true;
	const tflite_tensor *tensor;
	for (int i = 0; (tensor = tflite->any_tensor(interpreter->handle, i)); i++)
		if (tflite->tensor_type(tensor) == TFLITE_RESOURCE)
			return true;
	return false;
}
