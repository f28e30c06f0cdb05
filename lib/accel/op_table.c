/* The table of ops, and the check of argument lists against it. */
#include "accel/op_table.h"

#include "accel/arg_types.h"
#include "accel/dispatch.h"
#include "accel/plugin.h"
#include "mayfly/wire.h"
#include "vaccel/op.h"

/* In place of a type: an array of any numeric type. */
#define ARGUMENT_TENSOR VACCEL_ARG_MAX

enum argument_rule {
	ARGUMENT_OPTIONAL = 1, /* may be empty */
	ARGUMENT_GROWS = 2,    /* output: allocated here */
};

struct argument_rules {
	uint8_t type; /* vaccel_arg_type_t or ARGUMENT_TENSOR */
	uint8_t rules;
};

/* A list's signature: `count` arguments, of which the last `tail` repeat as a group, also none. */
struct list_signature {
	uint8_t count, tail;
	struct argument_rules arguments[4];
};

struct op_row {
	op_shim *shim;
	struct list_signature inputs, outputs;
	int8_t resource;    /* the input that is a resource's id; -1: none */
	size_t result_slot; /* of a structured result's function in struct mayfly_plugin */
};

#define IMAGE_IN                                                                                   \
	{                                                                                          \
		.count = 1, .arguments = { {VACCEL_ARG_BUFFER, 0} }                                \
	}
#define TEXT                                                                                       \
	{                                                                                          \
		VACCEL_ARG_UCHAR_ARRAY, ARGUMENT_OPTIONAL                                          \
	}
#define RESULT_OUT                                                                                 \
	{                                                                                          \
		.count = 2, .arguments = {                                                         \
			{VACCEL_ARG_BUFFER, ARGUMENT_OPTIONAL},                                    \
			{VACCEL_ARG_UINT64, 0}                                                     \
		}                                                                                  \
	}

static const struct op_row op_rows[VACCEL_OP_MAX] = {
    [VACCEL_OP_NOOP] = {.shim = op_shim_noop, .resource = -1},
    /* Out: the image's name, the text. */
    [VACCEL_OP_IMAGE_CLASSIFY] = {.shim = op_shim_image_classify,
				  .inputs = IMAGE_IN,
				  .outputs = {.count = 2, .arguments = {TEXT, TEXT}},
				  .resource = -1},
    [VACCEL_OP_IMAGE_DETECT] = {.shim = op_shim_image_text,
				.inputs = IMAGE_IN,
				.outputs = {.count = 1, .arguments = {TEXT}},
				.resource = -1},
    [VACCEL_OP_IMAGE_SEGMENT] = {.shim = op_shim_image_text,
				 .inputs = IMAGE_IN,
				 .outputs = {.count = 1, .arguments = {TEXT}},
				 .resource = -1},
    [VACCEL_OP_IMAGE_POSE] = {.shim = op_shim_image_text,
			      .inputs = IMAGE_IN,
			      .outputs = {.count = 1, .arguments = {TEXT}},
			      .resource = -1},
    [VACCEL_OP_IMAGE_DEPTH] = {.shim = op_shim_image_text,
			       .inputs = IMAGE_IN,
			       .outputs = {.count = 1, .arguments = {TEXT}},
			       .resource = -1},
    /* In: the model's id. */
    [VACCEL_OP_TORCH_MODEL_LOAD] = {.shim = op_shim_torch_load,
				    .inputs = {.count = 1, .arguments = {{VACCEL_ARG_INT64, 0}}},
				    .resource = 0},
    /* In: the model's id, run options; for each tensor its shape (data type, dimensions) and
     * its data. Out: for each tensor the same. */
    [VACCEL_OP_TORCH_MODEL_RUN] =
	{.shim = op_shim_torch_run,
	 .inputs = {.count = 4,
		    .tail = 2,
		    .arguments = {{VACCEL_ARG_INT64, 0},
				  {VACCEL_ARG_BUFFER, ARGUMENT_OPTIONAL},
				  {VACCEL_ARG_INT64_ARRAY, 0},
				  {ARGUMENT_TENSOR, ARGUMENT_OPTIONAL}}},
	 .outputs = {.count = 2,
		     .tail = 2,
		     .arguments = {{VACCEL_ARG_INT64_ARRAY, ARGUMENT_GROWS},
				   {VACCEL_ARG_UINT8_ARRAY, ARGUMENT_GROWS}}},
	 .resource = 0},
};

/* By op, from WIRE_OP_DETECT_OBJECTS on. Out: the result structs, how many there are; for a mask
 * its pixels, width and height. */
static const struct op_row result_rows[] = {
    [0] = {.shim = op_shim_detect_objects,
	   .inputs = IMAGE_IN,
	   .outputs = RESULT_OUT,
	   .resource = -1,
	   .result_slot = offsetof(struct mayfly_plugin, detect_objects)},
    [WIRE_OP_CLASSIFY_LABELS -
	WIRE_OP_DETECT_OBJECTS] = {.shim = op_shim_classify_labels,
				   .inputs = IMAGE_IN,
				   .outputs = RESULT_OUT,
				   .resource = -1,
				   .result_slot = offsetof(struct mayfly_plugin, classify_labels)},
    [WIRE_OP_POSE_KEYPOINTS -
	WIRE_OP_DETECT_OBJECTS] = {.shim = op_shim_pose_keypoints,
				   .inputs = IMAGE_IN,
				   .outputs = RESULT_OUT,
				   .resource = -1,
				   .result_slot = offsetof(struct mayfly_plugin, pose_keypoints)},
    [WIRE_OP_SEGMENT_MASK -
	WIRE_OP_DETECT_OBJECTS] = {.shim = op_shim_segment_mask,
				   .inputs = IMAGE_IN,
				   .outputs = {.count = 3,
					       .arguments = {{VACCEL_ARG_BUFFER, ARGUMENT_OPTIONAL},
							     {VACCEL_ARG_UINT32, 0},
							     {VACCEL_ARG_UINT32, 0}}},
				   .resource = -1,
				   .result_slot = offsetof(struct mayfly_plugin, segment_mask)},
};

#define RESULT_ROWS (sizeof(result_rows) / sizeof(result_rows[0]))

static const struct op_row *find_row(uint16_t op)
{
	const struct op_row *row = NULL;
	if (op < VACCEL_OP_MAX)
		row = &op_rows[op];
	else if (op >= WIRE_OP_DETECT_OBJECTS && op < WIRE_OP_DETECT_OBJECTS + RESULT_ROWS)
		row = &result_rows[op - WIRE_OP_DETECT_OBJECTS];
	return row && row->shim ? row : NULL;
}

int mayfly_op_resource_index(uint16_t op)
{
	const struct op_row *row = find_row(op);
	return row ? row->resource : -1;
}

static bool argument_fits(const struct vaccel_arg *arg, struct argument_rules rules)
{
	struct arg_type_facts facts = arg_type_facts(arg->type);
	if (rules.type == ARGUMENT_TENSOR ? !facts.is_array : arg->type != rules.type)
		return false;
	if (rules.rules & ARGUMENT_GROWS)
		return !arg->buf;
	if (!arg->buf || !arg->size)
		return !arg->size && (rules.rules & ARGUMENT_OPTIONAL);
	if ((uintptr_t)arg->buf % facts.element || arg->size % facts.element)
		return false;
	/* A scalar is one element; a STRING ends where it says. */
	if (facts.is_scalar && arg->size != facts.element)
		return false;
	return arg->type != VACCEL_ARG_STRING || !((const char *)arg->buf)[arg->size - 1];
}

static bool list_fits(const struct vaccel_arg *args, size_t count, const uint32_t *flags,
		      const struct list_signature *signature)
{
	size_t fixed = signature->count - signature->tail;
	if (count > WIRE_ARGUMENTS_MAX || count < fixed || (count && !args))
		return false;
	if (signature->tail ? (count - fixed) % signature->tail != 0 : count != fixed)
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t rule = i < fixed ? i : fixed + (i - fixed) % signature->tail;
		struct argument_rules rules = signature->arguments[rule];
		bool grows = flags && (flags[i] & WIRE_ARGUMENT_GROWS);
		if (grows != !!(rules.rules & ARGUMENT_GROWS) || !argument_fits(&args[i], rules))
			return false;
	}
	return true;
}

/* The plugin's function for the op; NULL where it lacks it. */
static void *find_function(const struct vaccel_plugin *plugin, uint16_t op,
			   const struct op_row *row)
{
	if (op < VACCEL_OP_MAX)
		return plugin->ops[op] ? plugin->ops[op]->func : NULL;
	const struct mayfly_plugin *results = plugin_results(plugin);
	return results ? *(void *const *)((const char *)results + row->result_slot) : NULL;
}

int op_run_local(struct vaccel_session *session, uint16_t op, const struct vaccel_arg *inputs,
		 size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		 const uint32_t *out_flags)
{
	const struct op_row *row = find_row(op);
	if (!session->plugin || !row)
		return VACCEL_ENOTSUP;
	if (!list_fits(inputs, input_count, NULL, &row->inputs) ||
	    !list_fits(outputs, output_count, out_flags, &row->outputs))
		return VACCEL_EINVAL;
	void *function = find_function(session->plugin, op, row);
	if (!function)
		return VACCEL_ENOTSUP;
	const struct op_call call = {.session = session,
				     .inputs = inputs,
				     .input_count = input_count,
				     .outputs = outputs,
				     .output_count = output_count};
	return row->shim(&call, function);
}
