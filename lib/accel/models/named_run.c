/* Inputs and outputs by name; see mayfly/tensors.h. The names go as run options, so that plugins
 * and messages stay as they are. */
#include "mayfly/tensors.h"

#include <stdlib.h>
#include <string.h>

#include "accel/models/run.h"
#include "sizes/sizes.h"
#include "vaccel/error.h"

static const char *name_at(const char *const *names, int place)
{
	return names && names[place] ? names[place] : "";
}

/* Adds the names, with the NUL of each, to what is measured; and where `out` is one, puts them. */
static bool put_names(const char *const *names, int count, size_t *used, char *out)
{
	for (int i = 0; i < count; i++) {
		const char *name = name_at(names, i);
		size_t length = strlen(name) + 1;
		if (out)
			memcpy(out + *used, name, length);
		if (add_overflows(*used, length, used))
			return false;
	}
	return true;
}

static int run_by_name(struct vaccel_session *session, struct vaccel_resource *model,
		       const char *const *input_names, struct vaccel_torch_tensor *const *inputs,
		       int nr_inputs, const char *const *output_names,
		       struct vaccel_torch_tensor **outputs, int nr_outputs, bool has_rooms)
{
	if (nr_inputs < 0 || nr_outputs < 1)
		return VACCEL_EINVAL;
	struct vaccel_torch_buffer options = {.size = sizeof(MAYFLY_RUN_OPTIONS_NAMES)};
	if (!put_names(input_names, nr_inputs, &options.size, NULL) ||
	    !put_names(output_names, nr_outputs, &options.size, NULL))
		return VACCEL_EINVAL;
	options.data = malloc(options.size);
	if (!options.data)
		return VACCEL_ENOMEM;
	size_t used = sizeof(MAYFLY_RUN_OPTIONS_NAMES);
	memcpy(options.data, MAYFLY_RUN_OPTIONS_NAMES, used);
	put_names(input_names, nr_inputs, &used, options.data);
	put_names(output_names, nr_outputs, &used, options.data);
	int result =
	    torch_run(session, model, &options, inputs, nr_inputs, outputs, nr_outputs, has_rooms);
	free(options.data);
	return result;
}

int mayfly_model_run(struct vaccel_session *session, struct vaccel_resource *model,
		     const char *const *input_names, struct vaccel_torch_tensor *const *inputs,
		     int nr_inputs, const char *const *output_names,
		     struct vaccel_torch_tensor **outputs, int nr_outputs)
{
	return run_by_name(session, model, input_names, inputs, nr_inputs, output_names, outputs,
			   nr_outputs, false);
}

int mayfly_model_run_into(struct vaccel_session *session, struct vaccel_resource *model,
			  const char *const *input_names, struct vaccel_torch_tensor *const *inputs,
			  int nr_inputs, const char *const *output_names,
			  struct vaccel_torch_tensor *const *outputs, int nr_outputs)
{
	/* The pointers stay as they are. */
	return run_by_name(session, model, input_names, inputs, nr_inputs, output_names,
			   (struct vaccel_torch_tensor **)outputs, nr_outputs, true);
}
