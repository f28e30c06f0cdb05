/* Any bytes as an ONNX model, looked through for weights in other files. */
#include <stdint.h>
#include <stdlib.h>

#include "external_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = {0};
	if (external_data_refuse(data, size, &error) && !error.text[0])
		abort(); /* a refusal without words */
	return 0;
}
