/* Models that come with a resource: tensors in and out, good ones and bad ones. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cache.h"
#include "mayfly/results.h"
#include "pictures.h"
#include "tiny_model.h"
#include "util/clock.h"
#include "vaccel.h"

#define DEPTH_DESCRIPTION                                                                          \
	"task = depth\ninput = x\ninput_size = 8 8\ninput_layout = nhwc\ninput_type = float32\n"   \
	"resize = stretch\ndecode = depth\noutput = y\nclasses = 2\nlabels = labels.txt\n"

static struct vaccel_session session;

/* A session with one model registered. */
struct fixture {
	struct vaccel_session session;
	struct vaccel_resource resource;
	int registered; /* what registering gave */
};

static void fixture_open(struct fixture *fixture, const void *model, size_t length)
{
	CHECK_NUMBER(vaccel_session_init(&fixture->session, VACCEL_PLUGIN_CPU), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&fixture->resource, model, length,
						   VACCEL_RESOURCE_MODEL, "model.onnx", true),
		     VACCEL_OK);
	fixture->registered = vaccel_resource_register(&fixture->resource, &fixture->session);
}

static void fixture_close(struct fixture *fixture)
{
	CHECK_NUMBER(vaccel_resource_release(&fixture->resource), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&fixture->session), VACCEL_OK);
}

static struct vaccel_torch_tensor *tensor_of(float *values, int64_t count)
{
	struct vaccel_torch_tensor *tensor = NULL;
	CHECK_NUMBER(vaccel_torch_tensor_new(&tensor, 1, &count, VACCEL_TORCH_FLOAT), VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_tensor_set_data(tensor, values, (size_t)count * sizeof(float)),
		     VACCEL_OK);
	return tensor;
}

static int run(struct fixture *fixture, float *values, int64_t count,
	       struct vaccel_torch_tensor **output)
{
	struct vaccel_torch_tensor *input = tensor_of(values, count);
	int result = vaccel_torch_model_run(&fixture->session, &fixture->resource, NULL, &input, 1,
					    output, 1);
	CHECK_NUMBER(vaccel_torch_tensor_delete(input), VACCEL_OK);
	return result;
}

static void test_tensors(void)
{
	struct tiny_model model;
	struct fixture fixture;
	float values[] = {1, -2, 0.5f, 1e6f};
	struct vaccel_torch_tensor *output = NULL;
	tiny_model_double(&model, 4);
	fixture_open(&fixture, model.bytes, model.length);
	CHECK_NUMBER(fixture.registered, VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_model_load(&fixture.session, &fixture.resource), VACCEL_OK);
	for (int turn = 0; turn < 3; turn++) {
		values[0] = (float)turn;
		if (!CHECK_NUMBER(run(&fixture, values, 4, &output), VACCEL_OK))
			break;
		CHECK_NUMBER(output->nr_dims, 1);
		CHECK_NUMBER(output->dims[0], 4);
		CHECK_NUMBER(output->data_type, VACCEL_TORCH_FLOAT);
		CHECK_NUMBER(output->size, sizeof(values));
		for (size_t i = 0; i < 4; i++)
			CHECK(((float *)output->data)[i] == 2 * values[i]);
		CHECK_NUMBER(vaccel_torch_tensor_delete(output), VACCEL_OK);
	}
	/* Not what the model wants: too few elements, two inputs. */
	CHECK_NUMBER(run(&fixture, values, 3, &output), VACCEL_EINVAL);
	CHECK(!output);
	struct vaccel_torch_tensor *inputs[] = {tensor_of(values, 4), tensor_of(values, 4)};
	CHECK_NUMBER(vaccel_torch_model_run(&fixture.session, &fixture.resource, NULL, inputs, 2,
					    &output, 1),
		     VACCEL_EINVAL);
	inputs[0]->data_type = VACCEL_TORCH_INT;
	CHECK_NUMBER(vaccel_torch_model_run(&fixture.session, &fixture.resource, NULL, inputs, 1,
					    &output, 1),
		     VACCEL_EINVAL);
	inputs[0]->data_type = VACCEL_TORCH_FLOAT;
	inputs[0]->size = 8; /* shorter than the shape says */
	CHECK_NUMBER(vaccel_torch_model_run(&fixture.session, &fixture.resource, NULL, inputs, 1,
					    &output, 1),
		     VACCEL_EINVAL);
	for (size_t i = 0; i < 2; i++)
		CHECK_NUMBER(vaccel_torch_tensor_delete(inputs[i]), VACCEL_OK);
	fixture_close(&fixture);
}

/* A run that would never end is cancelled when its deadline passes, and the next one works. */
static void test_deadline(void)
{
	struct tiny_model model;
	struct fixture fixture;
	float value = 1;
	struct vaccel_torch_tensor *output = NULL;
	tiny_model_endless(&model);
	fixture_open(&fixture, model.bytes, model.length);
	CHECK_NUMBER(vaccel_torch_model_load(&fixture.session, &fixture.resource), VACCEL_OK);
	for (int turn = 0; turn < 3; turn++) {
		uint64_t start = clock_now_ns();
		mayfly_op_set_deadline(start + NANOSECONDS_PER_SECOND / 20);
		CHECK_NUMBER(run(&fixture, &value, 1, &output), VACCEL_EAGAIN);
		uint64_t took = clock_now_ns() - start;
		CHECK(took >= NANOSECONDS_PER_SECOND / 20 && took < 5 * NANOSECONDS_PER_SECOND);
		mayfly_op_set_deadline(0);
	}
	fixture_close(&fixture);
}

/* Two threads wait for different deadlines at once. */
static void *cancel_one(void *argument)
{
	struct fixture *fixture = argument;
	float value = 1;
	struct vaccel_torch_tensor *output = NULL;
	mayfly_op_set_deadline(clock_now_ns() + NANOSECONDS_PER_SECOND / 10);
	CHECK_NUMBER(run(fixture, &value, 1, &output), VACCEL_EAGAIN);
	return NULL;
}

static void test_deadlines_of_threads(void)
{
	struct tiny_model model;
	struct fixture fixture;
	pthread_t threads[3];
	tiny_model_endless(&model);
	fixture_open(&fixture, model.bytes, model.length);
	CHECK_NUMBER(vaccel_torch_model_load(&fixture.session, &fixture.resource), VACCEL_OK);
	for (size_t i = 0; i < 3; i++)
		CHECK_NUMBER(pthread_create(&threads[i], NULL, cancel_one, &fixture), 0);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	fixture_close(&fixture);
}

static void check_load_fails(const void *model, size_t length)
{
	struct fixture fixture;
	fixture_open(&fixture, model, length);
	if (!fixture.registered)
		CHECK_NUMBER(vaccel_torch_model_load(&fixture.session, &fixture.resource),
			     VACCEL_EINVAL);
	fixture_close(&fixture);
}

static void test_corrupt(void)
{
	struct tiny_model model;
	tiny_model_double(&model, 4);
	check_load_fails("this is no model at all", 23);
	for (size_t length = 1; length < model.length; length += 9)
		check_load_fails(model.bytes, length);
	tiny_model_double(&model, 4);
	memset(model.bytes + model.length / 2, 0xff, 8);
	check_load_fails(model.bytes, model.length);
}

static void test_missing(void)
{
	struct vaccel_resource resource;
	static const char *const names[] = {"model:no-such-model", "model:../ssd", "model:."};
	for (size_t i = 0; i < 3; i++) {
		if (vaccel_resource_init(&resource, names[i], VACCEL_RESOURCE_MODEL))
			continue; /* the library knows better than to take such a name */
		CHECK(vaccel_resource_register(&resource, &session) != VACCEL_OK);
		CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_OK);
	}
}

/* ---- models with a description ---- */

struct folder {
	char path[64];
};

static void folder_make(struct folder *folder)
{
	strcpy(folder->path, "onnx-test-XXXXXX");
	CHECK(mkdtemp(folder->path));
}

static void folder_put(const struct folder *folder, const char *name, const void *data,
		       size_t length)
{
	char path[128];
	struct error error = {0};
	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	CHECK_NUMBER(file_replace(path, data, length, &error), 0);
}

static void folder_remove(const struct folder *folder)
{
	static const char *const names[] = {"model.onnx", "model.txt", "labels.txt"};
	char path[128];
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder->path, names[i]);
		unlink(path);
	}
	CHECK_NUMBER(rmdir(folder->path), 0);
}

/* Registers the model in the folder, by its file and as a directory; both must give the same. */
static void check_folder(const struct folder *folder, int wanted, char *text, size_t room)
{
	uint8_t rgb[16 * 16 * 3];
	picture_quarters(rgb, 16, 16);
	struct picture_file picture = picture_png(rgb, 16, 16, 3, false);
	for (int whole = 0; whole < 2; whole++) {
		struct fixture fixture;
		char path[128];
		snprintf(path, sizeof(path), "%s%s", folder->path, whole ? "" : "/model.onnx");
		CHECK_NUMBER(vaccel_session_init(&fixture.session, VACCEL_PLUGIN_CPU), VACCEL_OK);
		CHECK_NUMBER(vaccel_resource_init(&fixture.resource, path, VACCEL_RESOURCE_MODEL),
			     VACCEL_OK);
		int result = vaccel_resource_register(&fixture.resource, &fixture.session);
		if (!result)
			result = vaccel_image_depth(&fixture.session, picture.data,
						    (unsigned char *)text, picture.length, room);
		CHECK_NUMBER(result, wanted);
		fixture_close(&fixture);
	}
	free(picture.data);
}

/* A model that nobody wrote code for: its depth is how blue each pixel is. */
static void test_described(void)
{
	struct folder folder;
	struct tiny_model model;
	char text[256] = "";
	double mean = 0, lowest = -1, low_x, low_y, highest = 0, high_x, high_y;
	folder_make(&folder);
	tiny_model_blue(&model, 8);
	folder_put(&folder, "model.onnx", model.bytes, model.length);
	folder_put(&folder, "model.txt", DEPTH_DESCRIPTION, strlen(DEPTH_DESCRIPTION));
	folder_put(&folder, "labels.txt", "one\ntwo\n", 8);
	check_folder(&folder, VACCEL_OK, text, sizeof(text));
	CHECK_NUMBER(sscanf(text, "mean %lf\nlowest %lf %lf %lf\nhighest %lf %lf %lf\n", &mean,
			    &lowest, &low_x, &low_y, &highest, &high_x, &high_y),
		     7);
	CHECK(fabs(mean - 127.5) < 1 && lowest == 0 && highest == 255);
	CHECK(low_y < 0.5 && high_y > 0.5); /* blue and white are below */

	folder_put(&folder, "labels.txt", "one\n", 4); /* too short for two classes */
	check_folder(&folder, VACCEL_EINVAL, text, sizeof(text));
	folder_put(&folder, "labels.txt", "one\ntwo\n", 8);
	folder_put(&folder, "model.txt", "task = depth\ncolour = blue\n", 27);
	check_folder(&folder, VACCEL_EINVAL, text, sizeof(text));
	static const char wrong[] =
	    "task = depth\ninput = x\ninput_size = 9 9\n"
	    "input_layout = nhwc\ninput_type = float32\nresize = stretch\n"
	    "decode = depth\noutput = y\nclasses = 2\nlabels = labels.txt\n";
	folder_put(&folder, "model.txt", wrong, strlen(wrong)); /* the model's input is 8 x 8 */
	check_folder(&folder, VACCEL_EINVAL, text, sizeof(text));
	folder_remove(&folder);
}

/* A terabyte of holes is not read to find out that it is no model. */
static void test_terabyte(void)
{
	struct folder folder;
	char path[128], text[256] = "";
	folder_make(&folder);
	snprintf(path, sizeof(path), "%s/model.onnx", folder.path);
	folder_put(&folder, "model.onnx", "", 0);
	CHECK_NUMBER(truncate(path, INT64_C(1) << 40), 0);
	check_folder(&folder, VACCEL_EINVAL, text, sizeof(text));
	CHECK_NUMBER(unlink(path), 0);
	folder_remove(&folder);
}

int main(void)
{
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	CHECK_NUMBER(vaccel_session_init(&session, VACCEL_PLUGIN_CPU), VACCEL_OK);
	test_tensors();
	test_deadline();
	test_deadlines_of_threads();
	test_corrupt();
	test_missing();
	test_described();
	test_terabyte();
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	return check_status();
}
