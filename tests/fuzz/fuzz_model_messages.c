/* What models and clients give to the engines' side of a model: signatures of SavedModels, run options,
 * packed texts. The first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/element.h"
#include "runtime/text_tensor.h"
#include "tensorflow/run_options.h"
#include "tensorflow/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_signature(const uint8_t *data, size_t size)
{
	struct signature signature;
	size_t sum = 0;
	if (signature_read(data, size, &signature, NULL))
		return;
	for (size_t i = 0; i < signature.input_count; i++)
		for (size_t j = 0; j < signature.inputs[i].tensor.length; j++)
			sum += (unsigned char)signature.inputs[i].tensor.bytes[j];
	for (size_t i = 1; i < signature.output_count; i++)
		sum += signature.outputs[i].name.length;
	if (sum == SIZE_MAX)
		abort();
	signature_release(&signature);
}

static void try_options(const uint8_t *data, size_t size)
{
	struct run_options options;
	const struct network_call call = {
	    .options = data, .options_size = size, .deadline_ns = UINT64_MAX};
	if (!run_options_make(&options, &call, NULL) && options.length > sizeof(options.bytes))
		abort();
}

static void try_texts(const uint8_t *data, size_t size)
{
	if (!size)
		return;
	const uint64_t count = data[0];
	/* A copy of its own: a read past its end is seen. */
	char *packed = malloc(size);
	if (!packed)
		return;
	memcpy(packed, data + 1, size - 1);
	const struct tensor tensor = {.element = ELEMENT_TEXT, .data = packed, .size = size - 1};
	if (!text_tensor_check(&tensor, count, "x", NULL)) {
		size_t sum = 0, length;
		for (size_t i = 0; i < count; i++) {
			const char *text = text_tensor_at(packed, i, &length);
			for (size_t j = 0; j < length; j++)
				sum += (unsigned char)text[j];
		}
		if (sum == SIZE_MAX)
			abort();
	}
	free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const uint8_t *, size_t) = {try_signature, try_options,
								 try_texts};
	if (size)
		tries[data[0] % 3](data + 1, size - 1);
	return 0;
}
