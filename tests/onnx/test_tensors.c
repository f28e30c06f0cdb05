/* Models as others export them: scalars, outputs that are no tensors, many tensors, tensors by
 * name. cases/ holds small ones; what is wrong is refused in a sentence that says what is right. */
#include <math.h>
#include <stdlib.h>

#include "cache.h"
#include "mayfly/results.h"
#include "mayfly/tensors.h"
#include "packed_text.h"
#include "sizes/sizes.h"
#include "tiny_model.h"
#include "vaccel.h"

struct fixture {
	struct vaccel_session session;
	struct vaccel_resource resource;
};

static void fixture_open(struct fixture *fixture, const char *path)
{
	CHECK_NUMBER(vaccel_session_init(&fixture->session, VACCEL_PLUGIN_CPU), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_init(&fixture->resource, path, VACCEL_RESOURCE_MODEL),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&fixture->resource, &fixture->session), VACCEL_OK);
}

static void fixture_open_case(struct fixture *fixture, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s.onnx", getenv("ONNX_CASES"), name);
	fixture_open(fixture, path);
	CHECK_NUMBER(vaccel_torch_model_load(&fixture->session, &fixture->resource), VACCEL_OK);
}

static void fixture_close(struct fixture *fixture)
{
	CHECK_NUMBER(vaccel_resource_release(&fixture->resource), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&fixture->session), VACCEL_OK);
}

static struct vaccel_torch_tensor tensor_of(void *data, int64_t *dims, int64_t rank,
					    enum vaccel_torch_data_type type)
{
	size_t bytes = type == VACCEL_TORCH_LONG ? 8 : 4;
	for (int64_t i = 0; i < rank; i++)
		bytes *= (size_t)dims[i];
	return (struct vaccel_torch_tensor){data, bytes, false, rank, dims, type};
}

/* One output, by name, of a run on one or more inputs. NULL where that fails, as `wanted` says. */
static struct vaccel_torch_tensor *run_for(struct fixture *fixture,
					   struct vaccel_torch_tensor *const *inputs, int count,
					   const char *name, int wanted)
{
	struct vaccel_torch_tensor *output = NULL;
	int result = mayfly_model_run(&fixture->session, &fixture->resource, NULL, inputs, count,
				      &name, &output, 1);
	if (!CHECK_NUMBER(result, wanted))
		fprintf(stderr, "  %s\n", mayfly_op_reason());
	CHECK(!result == !!output);
	return output;
}

static void check_reason(const char *words)
{
	if (!CHECK(strstr(mayfly_op_reason(), words)))
		fprintf(stderr, "  got:    %s\n  wanted: %s\n", mayfly_op_reason(), words);
}

/* y = x * s, where s is a scalar: as such, and as one element. */
static void test_scalar_input(void)
{
	struct fixture fixture;
	float values[] = {1, 2, 3, 4, 5, 6};
	int64_t factor[] = {3, 4}, sides[] = {2, 3}, one = 1, two = 2, none = 0;
	struct vaccel_torch_tensor x = tensor_of(values, sides, 2, VACCEL_TORCH_FLOAT);
	struct vaccel_torch_tensor scalars[] = {tensor_of(factor, NULL, 0, VACCEL_TORCH_LONG),
						tensor_of(factor, &one, 1, VACCEL_TORCH_LONG)};
	fixture_open_case(&fixture, "scalar_in_nd0");
	for (size_t i = 0; i < 2; i++) {
		struct vaccel_torch_tensor *inputs[] = {&x, &scalars[i]};
		struct vaccel_torch_tensor *y = run_for(&fixture, inputs, 2, "y", VACCEL_OK);
		if (!y)
			continue;
		CHECK(y->nr_dims == 2 && y->dims[0] == 2 && y->dims[1] == 3);
		CHECK(((float *)y->data)[5] == 18);
		vaccel_torch_tensor_delete(y);
	}
	/* Elements that do not belong to the shape, none at all, two that cannot be spread. */
	struct vaccel_torch_tensor bad[] = {tensor_of(factor, NULL, 0, VACCEL_TORCH_LONG),
					    tensor_of(factor, &none, 1, VACCEL_TORCH_LONG),
					    tensor_of(factor, &two, 1, VACCEL_TORCH_LONG)};
	bad[0].size = 16;
	for (size_t i = 0; i < 3; i++) {
		struct vaccel_torch_tensor *inputs[] = {&x, &bad[i]};
		struct vaccel_torch_tensor *y = NULL;
		CHECK(vaccel_torch_model_run(&fixture.session, &fixture.resource, NULL, inputs, 2,
					     &y, 1) != VACCEL_OK);
		CHECK(!y);
	}
	fixture_close(&fixture);
}

static void test_scalar_output(void)
{
	struct fixture fixture;
	float values[] = {1, 2, 3, 4, 5, 6};
	int64_t sides[] = {2, 3};
	struct vaccel_torch_tensor x = tensor_of(values, sides, 2, VACCEL_TORCH_FLOAT), *in = &x;
	struct vaccel_torch_tensor *y;
	fixture_open_case(&fixture, "scalar_out");
	y = run_for(&fixture, &in, 1, "y", VACCEL_OK);
	if (y) {
		CHECK_NUMBER(y->nr_dims, 0);
		CHECK(y->dims && y->dims[0] == 1 && y->size == sizeof(float));
		CHECK(*(float *)y->data == 21);
		vaccel_torch_tensor_delete(y);
	}
	fixture_close(&fixture);
}

/* A model that says nothing of its input's shape takes all that its operators take. */
static void test_no_shape(void)
{
	struct fixture fixture;
	float values[] = {1, -2, 3, -4, 5, -6};
	int64_t sides[] = {1, 2, 3}, none[] = {2, 0};
	fixture_open_case(&fixture, "no_shape");
	for (int64_t rank = 0; rank <= 3; rank++) {
		struct vaccel_torch_tensor x = tensor_of(values, sides, rank, VACCEL_TORCH_FLOAT);
		struct vaccel_torch_tensor *in = &x;
		struct vaccel_torch_tensor *y = run_for(&fixture, &in, 1, "y", VACCEL_OK);
		if (!y)
			continue;
		CHECK(y->nr_dims == rank && y->size == x.size && *(float *)y->data == 1);
		CHECK(rank < 2 || ((float *)y->data)[1] == 0);
		vaccel_torch_tensor_delete(y);
	}
	struct vaccel_torch_tensor x = tensor_of(values, none, 2, VACCEL_TORCH_FLOAT), *in = &x;
	run_for(&fixture, &in, 1, "y", VACCEL_EINVAL);
	check_reason("input x wants one element at least");
	fixture_close(&fixture);
}

static void test_text_output(void)
{
	struct fixture fixture;
	float values[] = {1, -2, 3, 4, 5, 6};
	int64_t sides[] = {2, 3};
	struct vaccel_torch_tensor x = tensor_of(values, sides, 2, VACCEL_TORCH_FLOAT), *in = &x;
	struct vaccel_torch_tensor *outputs[2];
	fixture_open_case(&fixture, "string_second");
	struct vaccel_torch_tensor *y = run_for(&fixture, &in, 1, "y", VACCEL_OK);
	if (y) {
		CHECK(((float *)y->data)[1] == 0 && ((float *)y->data)[2] == 3);
		vaccel_torch_tensor_delete(y);
	}
	run_for(&fixture, &in, 1, "s", VACCEL_ENOTSUP);
	check_reason(
	    "output s is text, which cannot be given: ask by name for others, of y, s (text)");
	CHECK_NUMBER(
	    vaccel_torch_model_run(&fixture.session, &fixture.resource, NULL, &in, 1, outputs, 2),
	    VACCEL_ENOTSUP);
	run_for(&fixture, &in, 1, "z", VACCEL_EINVAL);
	check_reason("the model has no output \"z\", it has y, s (text)");
	/* The interface of TensorFlow has a type for it. */
	struct vaccel_tf_node x_node = {"", 0}, s_node = {"s", 0};
	struct vaccel_tf_tensor tx = {values, sizeof(values), false, 2, sides, VACCEL_TF_FLOAT};
	struct vaccel_tf_tensor *tin = &tx, *texts = NULL;
	if (CHECK_NUMBER(vaccel_tf_model_run(&fixture.session, &fixture.resource, NULL, &x_node,
					     &tin, 1, &s_node, &texts, 1, NULL),
			 VACCEL_OK)) {
		CHECK(texts->data_type == VACCEL_TF_STRING && texts->size > 8);
		CHECK(is_packed(texts->data, 0, "1"));
		vaccel_tf_tensor_delete(texts);
	}
	fixture_close(&fixture);
}

/* Iris flowers, as scikit-learn exports the model: petals of 1.4 x 0.2 cm are the first kind's. */
static void check_probabilities(struct fixture *fixture, const char *name)
{
	float flowers[] = {5.1f, 3.5f, 1.4f, 0.2f, 6.3f, 3.3f, 6.0f, 2.5f};
	int64_t sides[] = {2, 4};
	struct vaccel_torch_tensor x = tensor_of(flowers, sides, 2, VACCEL_TORCH_FLOAT), *in = &x;
	struct vaccel_torch_tensor *out = run_for(fixture, &in, 1, name, VACCEL_OK);
	if (!out)
		return;
	const float *rows = out->data;
	if (CHECK(out->nr_dims == 2 && out->dims[0] == 2 && out->dims[1] == 3))
		for (int i = 0; i < 2; i++, rows += 3) {
			CHECK(fabsf(rows[0] + rows[1] + rows[2] - 1) < 1e-5f);
			CHECK(rows[i ? 2 : 0] > 0.9f);
		}
	vaccel_torch_tensor_delete(out);
}

static void test_scikit_learn(void)
{
	struct fixture fixture;
	float flowers[] = {5.1f, 3.5f, 1.4f, 0.2f, 6.3f, 3.3f, 6.0f, 2.5f};
	int64_t sides[] = {2, 4};
	struct vaccel_torch_tensor x = tensor_of(flowers, sides, 2, VACCEL_TORCH_FLOAT), *in = &x;
	fixture_open_case(&fixture, "skl_lr_zipmap"); /* a sequence of maps */
	check_probabilities(&fixture, "output_probability");
	struct vaccel_torch_tensor *label = run_for(&fixture, &in, 1, "output_label", VACCEL_OK);
	if (label) {
		CHECK(((int64_t *)label->data)[0] == 0 && ((int64_t *)label->data)[1] == 2);
		vaccel_torch_tensor_delete(label);
	}
	fixture_close(&fixture);
	fixture_open_case(&fixture, "skl_lr_strlabel"); /* the first output is text */
	check_probabilities(&fixture, "probabilities");
	run_for(&fixture, &in, 1, "label", VACCEL_ENOTSUP);
	check_reason("output label is text");
	fixture_close(&fixture);
}

/* The sum of 16 inputs, in any order; of 200, which is more than a message once had room for. */
static void check_sum(struct fixture *fixture, int count)
{
	enum { MOST = 200 };
	static struct vaccel_torch_tensor tensors[MOST], *inputs[MOST];
	static char texts[MOST][8];
	static const char *names[MOST];
	static float values[MOST];
	float sum = 0;
	int64_t one = 1;
	for (int i = 0; i < count; i++) {
		snprintf(texts[i], sizeof(texts[i]), "x%d", count - 1 - i);
		names[i] = texts[i];
		values[i] = (float)i;
		sum += values[i];
		tensors[i] = tensor_of(&values[i], &one, 1, VACCEL_TORCH_FLOAT);
		inputs[i] = &tensors[i];
	}
	for (int named = 0; named < 2; named++) {
		struct vaccel_torch_tensor *y = NULL;
		CHECK_NUMBER(mayfly_model_run(&fixture->session, &fixture->resource,
					      named ? names : NULL, inputs, count, NULL, &y, 1),
			     VACCEL_OK);
		if (CHECK(y)) {
			CHECK(*(float *)y->data == sum);
			vaccel_torch_tensor_delete(y);
		}
	}
	struct vaccel_torch_tensor *y = NULL;
	names[0] = names[1];
	CHECK_NUMBER(mayfly_model_run(&fixture->session, &fixture->resource, names, inputs, count,
				      NULL, &y, 1),
		     VACCEL_EINVAL);
	check_reason("is given twice");
	names[0] = "nothing";
	CHECK_NUMBER(mayfly_model_run(&fixture->session, &fixture->resource, names, inputs, count,
				      NULL, &y, 1),
		     VACCEL_EINVAL);
	check_reason("the model has no input \"nothing\", it has x0, x1, ");
	check_reason(count > 100 ? " more" : "x15");
	CHECK_NUMBER(mayfly_model_run(&fixture->session, &fixture->resource, NULL, inputs,
				      count - 1, NULL, &y, 1),
		     VACCEL_EINVAL);
	check_reason("inputs and 1 outputs, not");
}

static void test_many(void)
{
	struct fixture fixture;
	static struct tiny_model model;
	fixture_open_case(&fixture, "many16");
	check_sum(&fixture, 16);
	fixture_close(&fixture);
	tiny_model_sum(&model, 200);
	CHECK_NUMBER(vaccel_session_init(&fixture.session, VACCEL_PLUGIN_CPU), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&fixture.resource, model.bytes, model.length,
						   VACCEL_RESOURCE_MODEL, "model.onnx", true),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&fixture.resource, &fixture.session), VACCEL_OK);
	check_sum(&fixture, 200);
	fixture_close(&fixture);
}

/* Options that begin like names and end in the middle, or are somebody else's. */
static void test_options(void)
{
	struct fixture fixture;
	static char texts[][24] = {"mayfly-names", "mayfly-names\0", "mayfly-names\0x",
				   "mayfly-names\0\0y", "mayfly-names\0x\0z"};
	static const size_t lengths[] = {13, 13, 14, 15, 17};
	float values[] = {1, 2, 3, 4, 5, 6};
	int64_t sides[] = {2, 3};
	struct vaccel_torch_tensor x = tensor_of(values, sides, 2, VACCEL_TORCH_FLOAT), *in = &x;
	struct vaccel_torch_tensor *y = NULL;
	fixture_open_case(&fixture, "scalar_out");
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct vaccel_torch_buffer options = {texts[i], lengths[i]};
		CHECK_NUMBER(vaccel_torch_model_run(&fixture.session, &fixture.resource, &options,
						    &in, 1, &y, 1),
			     VACCEL_EINVAL);
		CHECK(!y && *mayfly_op_reason());
	}
	static char others[][24] = {"mayfly-names", "{}", "mayfly-name\0", "mayfly-names\0\0"};
	static const size_t other_lengths[] = {12, 2, 12, 15};
	for (size_t i = 0; i < ARRAY_SIZE(other_lengths); i++) {
		struct vaccel_torch_buffer options = {others[i], other_lengths[i]};
		if (CHECK_NUMBER(vaccel_torch_model_run(&fixture.session, &fixture.resource,
							&options, &in, 1, &y, 1),
				 VACCEL_OK))
			vaccel_torch_tensor_delete(y);
	}
	fixture_close(&fixture);
}

/* Outputs beyond 64 MiB are nothing special, where there is no window. */
static void test_large_output(void)
{
	struct fixture fixture;
	static struct tiny_model model;
	int64_t count = 20 << 20, one = 1;
	struct vaccel_torch_tensor x = tensor_of(&count, &one, 1, VACCEL_TORCH_LONG), *in = &x;
	tiny_model_flood(&model);
	CHECK_NUMBER(vaccel_session_init(&fixture.session, VACCEL_PLUGIN_CPU), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&fixture.resource, model.bytes, model.length,
						   VACCEL_RESOURCE_MODEL, "model.onnx", true),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&fixture.resource, &fixture.session), VACCEL_OK);
	struct vaccel_torch_tensor *y = run_for(&fixture, &in, 1, "y", VACCEL_OK);
	if (y) {
		CHECK_NUMBER(y->size, 80 << 20);
		vaccel_torch_tensor_delete(y);
	}
	fixture_close(&fixture);
}

int main(void)
{
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	test_scalar_input();
	test_scalar_output();
	test_no_shape();
	test_text_output();
	test_scikit_learn();
	test_many();
	test_options();
	test_large_output();
	return check_status();
}
