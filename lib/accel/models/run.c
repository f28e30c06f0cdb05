/* Runs of models: tensors into argument lists, and answers back into tensors; see run.h. */
#include "accel/models/run.h"

#include <stdlib.h>
#include <string.h>

#include "accel/ops/dispatch.h"
#include "accel/ops/resources.h"
#include "accel/state/op_context.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "util/cleanup.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

/* Model and options come first. */
#define MODEL_ARGUMENTS 2

static struct vaccel_arg model_argument(vaccel_id_t *id)
{
	return (struct vaccel_arg){.buf = id, .size = sizeof(*id), .type = VACCEL_ARG_INT64};
}

int model_call(uint16_t op, struct vaccel_session *session, struct vaccel_resource *model,
	       struct vaccel_arg *results, size_t result_count, const uint32_t *result_flags)
{
	vaccel_id_t id;
	int result = op_resource_id(session, model, VACCEL_RESOURCE_MODEL, &id);
	if (result)
		return result;
	struct vaccel_arg input = model_argument(&id);
	return mayfly_op_dispatch(session, op, &input, 1, results, result_count, result_flags);
}

/* The pointer at a place of an array of pointers to some struct. */
static const void *pointer_at(const void *array, size_t place)
{
	const void *pointer;
	memcpy(&pointer, (const char *)array + place * sizeof(pointer), sizeof(pointer));
	return pointer;
}

static void set_pointer(void *array, size_t place, void *pointer)
{
	memcpy((char *)array + place * sizeof(pointer), &pointer, sizeof(pointer));
}

/* Describes a tensor by two arguments; `value` must live as long as they. */
static int pack_tensor(const struct tensor_kind *kind, const void *tensor, size_t place,
		       struct tensor_value *value, struct vaccel_arg args[2])
{
	if (!kind->read(tensor, value))
		return op_refuse(
		    VACCEL_EINVAL,
		    "input %zu is no tensor: it has no data, or no dimensions, or more "
		    "than %d",
		    place, TENSOR_DIMENSIONS_MAX);
	struct tensor_elements elements = kind->elements(value->shape[0]);
	if (elements.argument == VACCEL_ARG_MAX)
		return op_refuse(VACCEL_EINVAL, "input %zu has data type %lld, which there is not",
				 place, (long long)value->shape[0]);
	args[0] = (struct vaccel_arg){.buf = value->shape,
				      .size = (1 + value->rank) * sizeof(*value->shape),
				      .type = VACCEL_ARG_INT64_ARRAY};
	args[1] =
	    (struct vaccel_arg){.buf = value->data, .size = value->size, .type = elements.argument};
	return VACCEL_OK;
}

static bool read_answer(struct tensor_value *value, const struct vaccel_arg args[2])
{
	const int64_t *shape = args[0].buf;
	size_t count = args[0].size / sizeof(*shape);
	if (!shape || count < 1 || count > TENSOR_SHAPE_MAX)
		return false;
	*value =
	    (struct tensor_value){.data = args[1].buf, .size = args[1].size, .rank = count - 1};
	memcpy(value->shape, shape, count * sizeof(*shape));
	return true;
}

int tensor_unpack(const struct tensor_kind *kind, void **out, struct vaccel_arg args[2])
{
	struct tensor_value value;
	if (!read_answer(&value, args))
		return VACCEL_EREMOTEIO;
	int result = kind->make(out, &value);
	if (!result)
		args[1].buf = NULL;
	return result;
}

/* The results lie where the caller has made room. */
static int reshape_tensors(const struct model_run *run, struct vaccel_arg *args)
{
	int result = VACCEL_OK;
	for (size_t i = 0; !result && i < run->output_count; i++) {
		struct tensor_value value;
		if (!read_answer(&value, &args[2 * i]))
			result = VACCEL_EREMOTEIO;
		else
			result = run->kind->reshape((void *)pointer_at(run->outputs, i), &value);
		if (result == VACCEL_EINVAL)
			op_refuse(result, "output %zu is of data type %lld", i,
				  (long long)value.shape[0]);
	}
	for (size_t i = 0; i < run->output_count; i++)
		free(args[2 * i].buf);
	return result;
}

/* Takes all answers apart; what is left of them is freed. */
static int unpack_tensors(const struct model_run *run, struct vaccel_arg *args, int result)
{
	for (size_t i = 0; !result && i < run->output_count; i++) {
		void *tensor = NULL;
		result = tensor_unpack(run->kind, &tensor, &args[2 * i]);
		set_pointer(run->outputs, i, tensor);
	}
	for (size_t i = 0; result && i < run->output_count; i++) {
		void *tensor = (void *)pointer_at(run->outputs, i);
		if (tensor)
			run->kind->drop(tensor);
		set_pointer(run->outputs, i, NULL);
	}
	for (size_t i = 0; i < 2 * run->output_count; i++)
		free(args[i].buf);
	return result;
}

/* The arguments of one run. */
struct run_arguments {
	struct vaccel_arg *in, *out;
	uint32_t *out_flags;
	struct tensor_value *values; /* of the inputs */
};

static void run_arguments_release(struct run_arguments *arguments)
{
	free(arguments->in);
	free(arguments->out);
	free(arguments->out_flags);
	free(arguments->values);
}

static int run_arguments_init(struct run_arguments *arguments, const struct model_run *run)
{
	size_t in = MODEL_ARGUMENTS + run->more_count + 2 * run->input_count;
	size_t out = run->result_count + 2 * run->output_count;
	arguments->in = calloc(in, sizeof(*arguments->in));
	arguments->out = calloc(out + 1, sizeof(*arguments->out));
	arguments->out_flags = calloc(out + 1, sizeof(*arguments->out_flags));
	arguments->values = malloc((run->input_count + 1) * sizeof(*arguments->values));
	if (!arguments->in || !arguments->out || !arguments->out_flags || !arguments->values)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < run->result_count; i++) {
		arguments->out[i] = run->results[i];
		arguments->out_flags[i] = run->result_flags[i];
	}
	for (size_t i = run->result_count; i < out; i++) {
		bool is_shape = (i - run->result_count) % 2 == 0;
		arguments->out[i].type = is_shape ? VACCEL_ARG_INT64_ARRAY : VACCEL_ARG_UINT8_ARRAY;
		arguments->out_flags[i] = WIRE_ARGUMENT_GROWS;
	}
	return VACCEL_OK;
}

/* Describes the room in the caller's tensors. */
static int pack_rooms(struct run_arguments *arguments, const struct model_run *run)
{
	struct tensor_value value;
	for (size_t i = 0; i < run->output_count; i++) {
		size_t place = run->result_count + 2 * i + 1;
		if (!run->kind->read(pointer_at(run->outputs, i), &value) || !value.size)
			return op_refuse(VACCEL_EINVAL, "output %zu is no tensor with room", i);
		arguments->out[place] = (struct vaccel_arg){
		    .buf = value.data,
		    .size = value.size,
		    .type = run->kind->elements(value.shape[0]).argument,
		};
		arguments->out_flags[place] = 0;
	}
	return VACCEL_OK;
}

static int pack_inputs(struct run_arguments *arguments, const struct model_run *run,
		       vaccel_id_t *id)
{
	struct vaccel_arg *next = arguments->in;
	*next++ = model_argument(id);
	next->type = VACCEL_ARG_BUFFER;
	if (run->options && run->options_size) {
		next->buf = (void *)run->options;
		next->size = run->options_size;
	}
	next++;
	for (size_t i = 0; i < run->more_count; i++)
		*next++ = run->more[i];
	int result = VACCEL_OK;
	for (size_t i = 0; !result && i < run->input_count; i++, next += 2)
		result = pack_tensor(run->kind, pointer_at(run->inputs, i), i,
				     &arguments->values[i], next);
	return result;
}

static int run_model(struct model_run *run, vaccel_id_t *id)
{
	cleanup(run_arguments_release) struct run_arguments arguments = {0};
	int result = run_arguments_init(&arguments, run);
	if (!result)
		result = pack_inputs(&arguments, run, id);
	if (!result && run->has_rooms)
		result = pack_rooms(&arguments, run);
	if (result)
		return result;
	result = mayfly_op_dispatch(run->session, run->op, arguments.in,
				    MODEL_ARGUMENTS + run->more_count + 2 * run->input_count,
				    arguments.out, run->result_count + 2 * run->output_count,
				    arguments.out_flags);
	if (result)
		return result;
	for (size_t i = 0; i < run->result_count; i++)
		run->results[i] = arguments.out[i];
	if (run->result_count)
		result = (int)*(const uint32_t *)run->results[0].buf;
	struct vaccel_arg *answers = arguments.out + run->result_count;
	return run->has_rooms ? reshape_tensors(run, answers)
			      : unpack_tensors(run, answers, result);
}

int model_run(struct model_run *run)
{
	vaccel_id_t id;
	mayfly_op_set_reason("");
	int result = op_resource_id(run->session, run->model, VACCEL_RESOURCE_MODEL, &id);
	if (result)
		return result;
	if ((run->input_count && !run->inputs) || (run->output_count && !run->outputs))
		return op_refuse(VACCEL_EINVAL, "the run has no list of tensors");
	if (run->input_count > WIRE_TENSORS_MAX ||
	    run->output_count > WIRE_TENSORS_MAX - run->input_count)
		return op_refuse(VACCEL_ERANGE,
				 "a run may have %d tensors, inputs and outputs together, not %zu "
				 "and %zu",
				 WIRE_TENSORS_MAX, run->input_count, run->output_count);
	for (size_t i = 0; !run->has_rooms && i < run->output_count; i++)
		set_pointer(run->outputs, i, NULL);
	return run_model(run, &id);
}
