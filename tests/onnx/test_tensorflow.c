/* SavedModels: the answers of TensorFlow in Python (cases/make_tensorflow.py recorded them). Skipped
 * where TensorFlow is not installed; MAYFLY_TENSORFLOW may name its library. */
#include <math.h>
#include <stdlib.h>

#include "cache.h"
#include "mayfly/results.h"
#include "mayfly/tensors.h"
#include "packed_text.h"
#include "sizes/sizes.h"
#include "tensorflow_answers.h"
#include "vaccel.h"

struct fixture {
	struct vaccel_session session;
	struct vaccel_resource resource;
};

static void fixture_open(struct fixture *fixture, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", getenv("ONNX_CASES"), name);
	CHECK_NUMBER(vaccel_session_init(&fixture->session, VACCEL_PLUGIN_CPU), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_init(&fixture->resource, path, VACCEL_RESOURCE_MODEL),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&fixture->resource, &fixture->session), VACCEL_OK);
}

static void fixture_close(struct fixture *fixture)
{
	CHECK_NUMBER(vaccel_resource_release(&fixture->resource), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&fixture->session), VACCEL_OK);
}

static bool close_to(const float *got, const float *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fabsf(got[i] - wanted[i]) > 1e-5f * (1 + fabsf(wanted[i])))
			return false;
	return true;
}

/* By the names of the signature, in the order of the signature, and by those of the graph. */
static void test_small(struct fixture *fixture)
{
	static const char *const of_signature[] = {"k", "x"};
	static const char *const of_graph[] = {"serving_default_k", "serving_default_x:0"};
	static const char *const *const names[] = {NULL, of_signature, of_graph};
	static const char *const outputs[] = {"rows", "y"};
	static float values[ARRAY_SIZE(small_x)];
	int32_t factor = 7;
	int64_t sides[] = {2, 4};
	memcpy(values, small_x, sizeof(small_x));
	struct vaccel_torch_tensor k = {&factor, 4, false, 0, sides, VACCEL_TORCH_INT};
	struct vaccel_torch_tensor x = {values, sizeof(values), false,
					2,	sides,		VACCEL_TORCH_FLOAT};
	struct vaccel_torch_tensor *in[] = {&k, &x}, *out[2] = {NULL};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!CHECK_NUMBER(mayfly_model_run(&fixture->session, &fixture->resource, names[i],
						   in, 2, i == 1 ? outputs : NULL, out, 2),
				  VACCEL_OK))
			continue;
		CHECK_NUMBER(*(int32_t *)out[0]->data, saved_rows[0]);
		CHECK(out[1]->nr_dims == 2 && out[1]->dims[0] == 2 && out[1]->dims[1] == 3);
		CHECK(out[1]->size == sizeof(saved_y) && close_to(out[1]->data, saved_y, 6));
		vaccel_torch_tensor_delete(out[0]);
		vaccel_torch_tensor_delete(out[1]);
	}
}

static int run_texts(struct fixture *fixture, const struct vaccel_tf_buffer *options,
		     const char *name, struct vaccel_tf_tensor **out,
		     struct vaccel_tf_status *status)
{
	static const char *const words[] = {"Kein", "", "a text that is longer than twenty-two"};
	static char packed[128];
	int64_t three = 3;
	struct vaccel_tf_node in_node = {"serving_default_words", 0}, out_node = {(char *)name, 0};
	struct vaccel_tf_tensor x = {
	    packed, pack_texts(words, 3, packed), false, 1, &three, VACCEL_TF_STRING};
	struct vaccel_tf_tensor *in = &x;
	return vaccel_tf_model_run(&fixture->session, &fixture->resource, options, &in_node, &in, 1,
				   &out_node, out, 1, status);
}

/* By the ops of TensorFlow: nodes of the graph, texts, run options, status. */
static void test_texts(void)
{
	struct fixture fixture;
	struct vaccel_tf_status status = {0};
	struct vaccel_tf_tensor *out = NULL;
	fixture_open(&fixture, "text_saved_model");
	CHECK_NUMBER(vaccel_tf_model_load(&fixture.session, &fixture.resource, &status), VACCEL_OK);
	CHECK_NUMBER(status.code, 0);
	if (CHECK_NUMBER(run_texts(&fixture, NULL, "upper", &out, &status), VACCEL_OK)) {
		CHECK(out->nr_dims == 1 && out->dims[0] == 3 && out->data_type == VACCEL_TF_STRING);
		CHECK(is_packed(out->data, 0, "KEIN") && is_packed(out->data, 1, ""));
		CHECK(is_packed(out->data, 2, "A TEXT THAT IS LONGER THAN TWENTY-TWO"));
		vaccel_tf_tensor_delete(out);
	}
	static char trace[] = {0x08, 1}, debug[] = {0x32, 0}, nonsense[] = {0x10};
	struct vaccel_tf_buffer options = {trace, sizeof(trace)};
	if (CHECK_NUMBER(run_texts(&fixture, &options, "length", &out, &status), VACCEL_OK)) {
		CHECK(((int32_t *)out->data)[0] == 4 && ((int32_t *)out->data)[1] == 0);
		vaccel_tf_tensor_delete(out);
	}
	options.data = debug;
	CHECK_NUMBER(run_texts(&fixture, &options, "length", &out, &status), VACCEL_EINVAL);
	CHECK(status.code && status.message);
	vaccel_tf_status_release(&status);
	options = (struct vaccel_tf_buffer){nonsense, sizeof(nonsense)};
	CHECK_NUMBER(run_texts(&fixture, &options, "length", &out, &status), VACCEL_EINVAL);
	vaccel_tf_status_release(&status);
	CHECK_NUMBER(run_texts(&fixture, NULL, "nowhere", &out, &status), VACCEL_EINVAL);
	CHECK(status.message && strstr(status.message, "it has length, upper"));
	vaccel_tf_status_release(&status);
	CHECK_NUMBER(vaccel_tf_model_unload(&fixture.session, &fixture.resource, &status),
		     VACCEL_OK);
	fixture_close(&fixture);
}

static void test_refused(struct fixture *fixture)
{
	float values[8] = {0};
	int64_t sides[] = {2, 4}, wide[] = {1, 8};
	struct vaccel_torch_tensor x = {values, sizeof(values), false, 2, wide, VACCEL_TORCH_FLOAT};
	struct vaccel_torch_tensor *in = &x, *out = NULL;
	static const char *const names[] = {"x"}, *const wanted[] = {"y"};
	CHECK_NUMBER(
	    mayfly_model_run(&fixture->session, &fixture->resource, names, &in, 1, wanted, &out, 1),
	    VACCEL_EINVAL);
	x.dims = sides;
	x.data_type = VACCEL_TORCH_INT;
	CHECK_NUMBER(
	    mayfly_model_run(&fixture->session, &fixture->resource, names, &in, 1, wanted, &out, 1),
	    VACCEL_EINVAL);
	/* An input is missing: TensorFlow says so itself. */
	x.data_type = VACCEL_TORCH_FLOAT;
	CHECK_NUMBER(
	    mayfly_model_run(&fixture->session, &fixture->resource, names, &in, 1, NULL, &out, 1),
	    VACCEL_EINVAL);
	CHECK(strstr(mayfly_op_reason(), "serving_default_k"));
}

/* A directory with a file that is no model. */
static void test_corrupt(void)
{
	char folder[] = "corrupt-XXXXXX", path[64];
	struct vaccel_session session;
	struct vaccel_resource resource;
	if (!CHECK(mkdtemp(folder)))
		return;
	snprintf(path, sizeof(path), "%s/saved_model.pb", folder);
	CHECK_NUMBER(file_replace(path, "nonsense", 8, NULL), 0);
	CHECK_NUMBER(vaccel_session_init(&session, VACCEL_PLUGIN_CPU), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_init(&resource, folder, VACCEL_RESOURCE_MODEL), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&resource, &session), VACCEL_OK);
	CHECK(vaccel_tf_model_load(&session, &resource, NULL) != VACCEL_OK);
	CHECK(*mayfly_op_reason());
	CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	struct fixture fixture;
	fixture_open(&fixture, "small_saved_model");
	if (vaccel_torch_model_load(&fixture.session, &fixture.resource) == VACCEL_ENOENT) {
		printf("skipped: %s\n", mayfly_op_reason());
		fixture_close(&fixture);
		return check_status() ? check_status() : CHECK_SKIPPED;
	}
	test_small(&fixture);
	test_refused(&fixture);
	test_texts();
	test_corrupt();
	fixture_close(&fixture);
	return check_status();
}
