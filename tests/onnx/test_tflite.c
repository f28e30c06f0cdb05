/* `.tflite` models: the answers of TensorFlow's own interpreter (cases/make_tensorflow.py recorded
 * them), state, shapes, types, and what is refused. */
#include <math.h>
#include <stdlib.h>

#include "cache.h"
#include "mayfly/results.h"
#include "mayfly/tensors.h"
#include "packed_text.h"
#include "sizes/sizes.h"
#include "tensorflow_answers.h"
#include "util/cleanup.h"
#include "util/file.h"
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

static void case_path(char path[256], const char *name)
{
	snprintf(path, 256, "%s/%s", getenv("ONNX_CASES"), name);
}

static void fixture_open_case(struct fixture *fixture, const char *name)
{
	char path[256];
	case_path(path, name);
	fixture_open(fixture, path);
}

static void fixture_close(struct fixture *fixture)
{
	CHECK_NUMBER(vaccel_resource_release(&fixture->resource), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&fixture->session), VACCEL_OK);
}

static void check_reason(const char *words)
{
	if (!CHECK(strstr(mayfly_op_reason(), words)))
		fprintf(stderr, "  got:    %s\n  wanted: %s\n", mayfly_op_reason(), words);
}

static struct vaccel_torch_tensor tensor_of(const void *data, int64_t *dims, int64_t rank,
					    enum vaccel_torch_data_type type)
{
	static const size_t sizes[] = {[VACCEL_TORCH_BYTE] = 1,
				       [VACCEL_TORCH_CHAR] = 1,
				       [VACCEL_TORCH_INT] = 4,
				       [VACCEL_TORCH_LONG] = 8,
				       [VACCEL_TORCH_FLOAT] = 4};
	size_t bytes = sizes[type];
	for (int64_t i = 0; i < rank; i++)
		bytes *= (size_t)dims[i];
	return (struct vaccel_torch_tensor){(void *)data, bytes, false, rank, dims, type};
}

static bool close_to(const float *got, const float *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fabsf(got[i] - wanted[i]) > 1e-5f * (1 + fabsf(wanted[i])))
			return false;
	return true;
}

static const char *const small_inputs[] = {"serving_default_x:0", "serving_default_k:0"};

/* Rows by the dozen: the model takes any number of them. */
static void test_small(void)
{
	struct fixture fixture;
	enum { MOST = 5 };
	float rows[MOST * 8];
	int32_t factor = 7;
	fixture_open_case(&fixture, "small.tflite");
	CHECK_NUMBER(vaccel_torch_model_load(&fixture.session, &fixture.resource), VACCEL_OK);
	for (int64_t times = 1; times <= MOST; times += 2) {
		for (int64_t i = 0; i < times; i++)
			memcpy(rows + 8 * i, small_x, sizeof(small_x));
		int64_t sides[] = {2 * times, 4};
		struct vaccel_torch_tensor x = tensor_of(rows, sides, 2, VACCEL_TORCH_FLOAT);
		struct vaccel_torch_tensor k = tensor_of(&factor, NULL, 0, VACCEL_TORCH_INT);
		struct vaccel_torch_tensor *in[] = {&x, &k}, *out[2] = {NULL, NULL};
		if (!CHECK_NUMBER(mayfly_model_run(&fixture.session, &fixture.resource,
						   small_inputs, in, 2, NULL, out, 2),
				  VACCEL_OK))
			continue;
		for (int i = 0; i < 2; i++) {
			if (out[i]->data_type == VACCEL_TORCH_INT)
				CHECK_NUMBER(*(int32_t *)out[i]->data, lite_rows[0] * times);
			else if (CHECK(out[i]->nr_dims == 2 && out[i]->dims[0] == 2 * times &&
				       out[i]->dims[1] == 3))
				CHECK(close_to((float *)out[i]->data + 6 * (times - 1), lite_y, 6));
			vaccel_torch_tensor_delete(out[i]);
		}
	}
	fixture_close(&fixture);
}

static void test_types(void)
{
	struct fixture fixture;
	int64_t two = 2, a[] = {1L << 40, -3};
	uint8_t b[] = {200, 7}, c[] = {1, 0};
	static const char *const names[] = {"serving_default_a:0", "serving_default_b:0",
					    "serving_default_c:0"};
	struct vaccel_torch_tensor ta = tensor_of(a, &two, 1, VACCEL_TORCH_LONG);
	struct vaccel_torch_tensor tb = tensor_of(b, &two, 1, VACCEL_TORCH_BYTE);
	struct vaccel_torch_tensor tc = tensor_of(c, &two, 1, VACCEL_TORCH_BYTE);
	struct vaccel_torch_tensor *in[] = {&ta, &tb, &tc}, *out[3] = {NULL};
	fixture_open_case(&fixture, "types.tflite");
	if (CHECK_NUMBER(
		mayfly_model_run(&fixture.session, &fixture.resource, names, in, 3, NULL, out, 3),
		VACCEL_OK)) {
		CHECK(((int64_t *)out[0]->data)[0] == 1L << 41 &&
		      ((int64_t *)out[0]->data)[1] == -6);
		CHECK(out[1]->nr_dims == 2 && !memcmp(out[1]->data, b, 2));
		CHECK(((uint8_t *)out[2]->data)[0] == 0 && ((uint8_t *)out[2]->data)[1] == 1);
		for (int i = 0; i < 3; i++)
			vaccel_torch_tensor_delete(out[i]);
	}
	fixture_close(&fixture);
}

/* By the ops of TensorFlow Lite themselves: texts, bools, and a status. */
static void test_texts(void)
{
	static const char *const words[] = {"a", "", "three"};
	struct fixture fixture;
	char packed[64];
	int32_t three = 3;
	size_t size = pack_texts(words, 3, packed);
	uint8_t status = 77;
	struct vaccel_tflite_tensor x = {packed, size, false, 1, &three, VACCEL_TFLITE_STRING};
	struct vaccel_tflite_tensor *in = &x, *out = NULL;
	fixture_open_case(&fixture, "column.tflite");
	CHECK_NUMBER(vaccel_tflite_model_load(&fixture.session, &fixture.resource), VACCEL_OK);
	if (CHECK_NUMBER(vaccel_tflite_model_run(&fixture.session, &fixture.resource, &in, 1, &out,
						 1, &status),
			 VACCEL_OK)) {
		CHECK_NUMBER(status, 0);
		CHECK(out->nr_dims == 2 && out->dims[0] == 3 && out->dims[1] == 1);
		CHECK(out->data_type == VACCEL_TFLITE_STRING && out->size == size);
		for (int32_t i = 0; i < 3; i++)
			CHECK(is_packed(out->data, i, words[i]));
		vaccel_tflite_tensor_delete(out);
	}
	/* Counts, offsets and ends that lie. */
	static const struct {
		size_t place;
		int32_t number;
	} lies[] = {{0, 4}, {0, -1}, {0, 2}, {4, 0}, {8, 1000}, {8, -1}, {12, 19}, {16, 0}};
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		pack_texts(words, 3, packed);
		memcpy(packed + lies[i].place, &lies[i].number, 4);
		CHECK_NUMBER(vaccel_tflite_model_run(&fixture.session, &fixture.resource, &in, 1,
						     &out, 1, &status),
			     VACCEL_EINVAL);
	}
	pack_texts(words, 3, packed);
	x.size = 7;
	CHECK_NUMBER(
	    vaccel_tflite_model_run(&fixture.session, &fixture.resource, &in, 1, &out, 1, &status),
	    VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tflite_model_unload(&fixture.session, &fixture.resource), VACCEL_OK);
	fixture_close(&fixture);
}

/* The TensorFlow ops find tensors of a .tflite model by name, too. */
static void test_by_node(void)
{
	struct fixture fixture;
	struct vaccel_tf_node in_nodes[] = {{"serving_default_x:0", 0}, {"serving_default_k:0", 0}};
	struct vaccel_tf_node nowhere[] = {{"", 0}};
	struct vaccel_tf_status status = {0};
	int64_t sides[] = {2, 4};
	int32_t factor = 7;
	struct vaccel_tf_tensor x = {(void *)small_x, sizeof(small_x), false, 2,
				     sides,	      VACCEL_TF_FLOAT};
	struct vaccel_tf_tensor k = {&factor, 4, false, 0, NULL, VACCEL_TF_INT32};
	struct vaccel_tf_tensor *in[] = {&x, &k}, *out = NULL;
	fixture_open_case(&fixture, "small.tflite");
	CHECK_NUMBER(vaccel_tf_model_load(&fixture.session, &fixture.resource, &status), VACCEL_OK);
	if (CHECK_NUMBER(vaccel_tf_model_run(&fixture.session, &fixture.resource, NULL, in_nodes,
					     in, 2, nowhere, &out, 1, &status),
			 VACCEL_OK))
		vaccel_tf_tensor_delete(out);
	in_nodes[1].name = "elsewhere";
	CHECK_NUMBER(vaccel_tf_model_run(&fixture.session, &fixture.resource, NULL, in_nodes, in, 2,
					 nowhere, &out, 1, &status),
		     VACCEL_EINVAL);
	CHECK(status.code && status.message && strstr(status.message, "elsewhere"));
	vaccel_tf_status_release(&status);
	CHECK_NUMBER(vaccel_tf_model_unload(&fixture.session, &fixture.resource, &status),
		     VACCEL_OK);
	fixture_close(&fixture);
}

enum { SOUND = 120, SOUNDS = ARRAY_SIZE(mycroft_scores) };

/* As make_tensorflow.py makes them. */
static void make_sound(int n, int8_t sound[SOUND])
{
	for (int i = 0; i < SOUND; i++) {
		int product = (i * 37 + n * 61) * (n - 11);
		int value = n < 16 ? 17 * n - 128 : product % 251 - 125;
		sound[i] = (int8_t)(value > 127 ? 127 : value);
	}
}

/* A trained model, 8-bit, that hears a wake word. It remembers what it has heard. */
static int hear(struct fixture *fixture, int n)
{
	int8_t sound[SOUND];
	int64_t sides[] = {1, 3, 40};
	make_sound(n, sound);
	struct vaccel_torch_tensor x = tensor_of(sound, sides, 3, VACCEL_TORCH_CHAR), *in = &x;
	struct vaccel_torch_tensor *out = NULL;
	if (!CHECK_NUMBER(vaccel_torch_model_run(&fixture->session, &fixture->resource, NULL, &in,
						 1, &out, 1),
			  VACCEL_OK))
		return -1;
	int score = *(uint8_t *)out->data;
	CHECK(out->size == 1 && out->data_type == VACCEL_TORCH_BYTE);
	vaccel_torch_tensor_delete(out);
	return score;
}

static void test_wake_word(void)
{
	struct fixture fixture;
	char path[PATH_MAX];
	CHECK_NUMBER(paths_cache(path, sizeof(path), "tflite/hey_mycroft.tflite", NULL), 0);
	fixture_open(&fixture, path);
	for (int n = 0; n < (int)SOUNDS; n++)
		CHECK_NUMBER(hear(&fixture, n), mycroft_scores[n]);
	fixture_close(&fixture);
}

static int run_small(struct fixture *fixture, struct vaccel_torch_tensor *x,
		     struct vaccel_torch_tensor *k)
{
	struct vaccel_torch_tensor *in[] = {x, k}, *out = NULL;
	int result = mayfly_model_run(&fixture->session, &fixture->resource, small_inputs, in, 2,
				      NULL, &out, 1);
	CHECK(!result == !!out);
	if (out)
		vaccel_torch_tensor_delete(out);
	return result;
}

static void test_refused(void)
{
	struct fixture fixture;
	int32_t factor = 7;
	int64_t sides[] = {2, 4}, none[] = {0, 4}, wide[] = {2, 5}, many[] = {2, 2, 2};
	int64_t huge[] = {INT64_MAX, 4}, negative[] = {-2, 4};
	struct vaccel_torch_tensor k = tensor_of(&factor, NULL, 0, VACCEL_TORCH_INT);
	struct vaccel_torch_tensor good = tensor_of(small_x, sides, 2, VACCEL_TORCH_FLOAT);
	struct vaccel_torch_tensor bad[] = {tensor_of(small_x, none, 2, VACCEL_TORCH_FLOAT),
					    tensor_of(small_x, wide, 2, VACCEL_TORCH_FLOAT),
					    tensor_of(small_x, many, 3, VACCEL_TORCH_FLOAT),
					    tensor_of(small_x, sides, 2, VACCEL_TORCH_INT),
					    good,
					    good,
					    good};
	bad[4].dims = huge;
	bad[5].dims = negative;
	bad[6].size--;
	fixture_open_case(&fixture, "small.tflite");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_NUMBER(run_small(&fixture, &bad[i], &k), VACCEL_EINVAL);
		CHECK(i > 3 || *mayfly_op_reason());
	}
	CHECK_NUMBER(run_small(&fixture, &good, &good), VACCEL_EINVAL);
	struct vaccel_torch_tensor *in[] = {&good, &k}, *out[3] = {NULL};
	CHECK_NUMBER(
	    vaccel_torch_model_run(&fixture.session, &fixture.resource, NULL, in, 1, out, 1),
	    VACCEL_EINVAL);
	CHECK_NUMBER(
	    vaccel_torch_model_run(&fixture.session, &fixture.resource, NULL, in, 2, out, 3),
	    VACCEL_EINVAL);
	static const char *const wrong[] = {"nothing", "serving_default_k:0"};
	CHECK_NUMBER(
	    mayfly_model_run(&fixture.session, &fixture.resource, wrong, in, 2, NULL, out, 1),
	    VACCEL_EINVAL);
	check_reason("serving_default_x:0");
	/* After all that it runs as before. */
	CHECK_NUMBER(run_small(&fixture, &good, &k), VACCEL_OK);
	fixture_close(&fixture);
	fixture_open_case(&fixture, "custom.tflite");
	CHECK(vaccel_torch_model_load(&fixture.session, &fixture.resource) != VACCEL_OK);
	check_reason("Digamma");
	fixture_close(&fixture);
}

/* Every file that is cut off, and some with bytes changed that lead to others, end in an error. */
static void test_corrupt(void)
{
	char path[256];
	cleanup_free uint8_t *bytes = NULL;
	size_t length;
	case_path(path, "small.tflite");
	if (!CHECK_NUMBER(file_read(path, 1 << 20, &bytes, &length, NULL), 0))
		return;
	for (size_t cut = 0; cut < length; cut += 97) {
		struct fixture fixture;
		CHECK_NUMBER(vaccel_session_init(&fixture.session, 0), VACCEL_OK);
		CHECK_NUMBER(vaccel_resource_init_from_buf(&fixture.resource, bytes,
							   cut < 16 ? 16 : cut,
							   VACCEL_RESOURCE_MODEL, "x.tflite", true),
			     VACCEL_OK);
		CHECK_NUMBER(vaccel_resource_register(&fixture.resource, &fixture.session),
			     VACCEL_OK);
		CHECK(vaccel_torch_model_load(&fixture.session, &fixture.resource) != VACCEL_OK);
		CHECK(*mayfly_op_reason());
		fixture_close(&fixture);
	}
}

int main(void)
{
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	cache_require("tflite/libtensorflowlite_c.so");
	test_small();
	test_types();
	test_texts();
	test_by_node();
	test_wake_word();
	test_refused();
	test_corrupt();
	return check_status();
}
