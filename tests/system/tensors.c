/* A function for tests: runs the model in its request on one input, and prints one output.
 *
 * usage: tensors OUTPUT SIDE…           an input of floats 1, 2, 3, … with these sides
 *        tensors OUTPUT count NUMBER    an input of one int64
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mayfly/results.h"
#include "mayfly/tensors.h"
#include "vaccel.h"

enum { MODEL_MAX = 1 << 20, RANK_MAX = 8 };

static struct vaccel_torch_tensor *make_input(int argc, char **argv)
{
	struct vaccel_torch_tensor *input = NULL;
	int64_t sides[RANK_MAX] = {1}, number = atoll(argv[argc - 1]);
	if (!strcmp(argv[2], "count")) {
		if (!vaccel_torch_tensor_allocate(&input, 1, sides, VACCEL_TORCH_LONG, 8))
			memcpy(input->data, &number, 8);
		return input;
	}
	size_t count = 1;
	int rank = argc - 2;
	for (int i = 0; i < rank && i < RANK_MAX; i++) {
		sides[i] = atoll(argv[2 + i]);
		count *= (size_t)sides[i];
	}
	if (!vaccel_torch_tensor_allocate(&input, rank, sides, VACCEL_TORCH_FLOAT,
					  count * sizeof(float)))
		for (size_t i = 0; i < count; i++)
			((float *)input->data)[i] = (float)(i + 1);
	return input;
}

int main(int argc, char **argv)
{
	static char model[MODEL_MAX];
	struct vaccel_session session;
	struct vaccel_resource resource;
	struct vaccel_torch_tensor *input = argc > 2 ? make_input(argc, argv) : NULL, *output;
	const char *name = argv[1];
	size_t length = fread(model, 1, sizeof(model), stdin);
	if (!input || vaccel_session_init(&session, 0) ||
	    vaccel_resource_init_from_buf(&resource, model, length, VACCEL_RESOURCE_MODEL,
					  "model.onnx", true) ||
	    vaccel_resource_register(&resource, &session))
		return 2;
	int result = mayfly_model_run(&session, &resource, NULL, &input, 1, &name, &output, 1);
	if (result)
		return *mayfly_op_reason() ? 1 : 3;
	printf("rank %d, %zu bytes:", (int)output->nr_dims, output->size);
	for (size_t i = 0; i < 3 && i < output->size / sizeof(float); i++)
		printf(" %g", (double)((float *)output->data)[i]);
	puts("");
	return 0;
}
