/* TorchScript: the answers of PyTorch (cases/make_torch.py recorded them). Skipped where libtorch was
 * not found when this was built; MAYFLY_TORCH may name a libmayfly-torch.so. */
#include <math.h>
#include <stdlib.h>

#include "cache.h"
#include "mayfly/results.h"
#include "mayfly/tensors.h"
#include "sizes/sizes.h"
#include "torch_answers.h"
#include "util/cleanup.h"
#include "vaccel.h"

struct fixture {
	struct vaccel_session session;
	struct vaccel_resource resource;
	float values[ARRAY_SIZE(torch_x)];
	int32_t factor;
	int64_t sides[2];
	struct vaccel_torch_tensor x, k;
};

static void fixture_open(struct fixture *fixture, const char *path)
{
	CHECK_NUMBER(vaccel_session_init(&fixture->session, VACCEL_PLUGIN_CPU), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_init(&fixture->resource, path, VACCEL_RESOURCE_MODEL),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&fixture->resource, &fixture->session), VACCEL_OK);
	memcpy(fixture->values, torch_x, sizeof(torch_x));
	fixture->factor = 3;
	fixture->sides[0] = 2;
	fixture->sides[1] = 4;
	fixture->x = (struct vaccel_torch_tensor){fixture->values, sizeof(torch_x),   false, 2,
						  fixture->sides,  VACCEL_TORCH_FLOAT};
	fixture->k = (struct vaccel_torch_tensor){&fixture->factor, sizeof(int32_t), false, 0, NULL,
						  VACCEL_TORCH_INT};
}

static void fixture_close(struct fixture *fixture)
{
	CHECK_NUMBER(vaccel_resource_release(&fixture->resource), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&fixture->session), VACCEL_OK);
}

static void check_y(const struct vaccel_torch_tensor *y)
{
	CHECK_NUMBER(y->data_type, VACCEL_TORCH_FLOAT);
	CHECK(y->nr_dims == 2 && y->dims[0] == 2 && y->dims[1] == 3);
	if (!CHECK_NUMBER(y->size, sizeof(torch_y)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(torch_y); i++)
		CHECK(fabsf(((float *)y->data)[i] - torch_y[i]) < 1e-5f);
}

static void check_rows(const struct vaccel_torch_tensor *rows)
{
	CHECK_NUMBER(rows->data_type, VACCEL_TORCH_LONG);
	CHECK(rows->nr_dims == 1 && rows->dims[0] == 2);
	CHECK(rows->size == sizeof(torch_rows) && !memcmp(rows->data, torch_rows, rows->size));
}

static void test_order(struct fixture *fixture)
{
	struct vaccel_torch_tensor *in[] = {&fixture->x, &fixture->k}, *out[2] = {NULL};
	/* More than once: libtorch optimises what it has seen. */
	for (int i = 0; i < 3; i++) {
		if (!CHECK_NUMBER(vaccel_torch_model_run(&fixture->session, &fixture->resource,
							 NULL, in, 2, out, 2),
				  VACCEL_OK)) {
			fprintf(stderr, "  %s\n", mayfly_op_reason());
			return;
		}
		check_y(out[0]);
		check_rows(out[1]);
		vaccel_torch_tensor_delete(out[0]);
		vaccel_torch_tensor_delete(out[1]);
	}
}

static void test_names(struct fixture *fixture)
{
	static const char *const names[] = {"k", "x"}, *const wanted[] = {"output1"};
	struct vaccel_torch_tensor *in[] = {&fixture->k, &fixture->x}, *out = NULL;
	if (!CHECK_NUMBER(mayfly_model_run(&fixture->session, &fixture->resource, names, in, 2,
					   wanted, &out, 1),
			  VACCEL_OK))
		return;
	check_rows(out);
	vaccel_torch_tensor_delete(out);
}

static void check_refused(struct fixture *fixture, const char *const *names, int count,
			  const char *words)
{
	struct vaccel_torch_tensor *in[] = {&fixture->x, &fixture->k}, *out = NULL;
	CHECK_NUMBER(mayfly_model_run(&fixture->session, &fixture->resource, names, in, count, NULL,
				      &out, 1),
		     VACCEL_EINVAL);
	if (!CHECK(strstr(mayfly_op_reason(), words)))
		fprintf(stderr, "  got:    %s\n  wanted: %s\n", mayfly_op_reason(), words);
	CHECK(!out);
}

static void test_refused(struct fixture *fixture)
{
	static const char *const unknown[] = {"x", "nobody"}, *const second[] = {"k"};
	check_refused(fixture, NULL, 1, "input k is missing");
	check_refused(fixture, second, 1, "an input before k is missing");
	check_refused(fixture, unknown, 2, "no input \"nobody\", it has x");
	/* libtorch's own words: an exception, which must not get out. */
	fixture->sides[0] = 4;
	fixture->sides[1] = 2;
	check_refused(fixture, NULL, 2, "libtorch: mat1 and mat2 shapes cannot be multiplied");
	fixture->sides[0] = 2;
	fixture->sides[1] = 4;
	test_order(fixture);
}

/* What begins as an archive and is none; and the model, cut off. */
static void test_corrupt(const char *model)
{
	char path[] = "corrupt.pt";
	cleanup_free uint8_t *bytes = NULL;
	size_t size;
	struct error error = {0};
	if (!CHECK_NUMBER(file_read(model, 1 << 20, &bytes, &size, &error), 0))
		return;
	const size_t lengths[] = {4, size / 2, size - 1};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct fixture fixture;
		CHECK_NUMBER(file_replace(path, bytes, lengths[i], NULL), 0);
		fixture_open(&fixture, path);
		CHECK_NUMBER(vaccel_torch_model_load(&fixture.session, &fixture.resource),
			     VACCEL_EINVAL);
		CHECK(strstr(mayfly_op_reason(), "libtorch: "));
		fixture_close(&fixture);
	}
	unlink(path);
}

int main(void)
{
	char path[256];
	struct fixture fixture;
	snprintf(path, sizeof(path), "%s/small.pt", getenv("ONNX_CASES"));
	fixture_open(&fixture, path);
	int result = vaccel_torch_model_load(&fixture.session, &fixture.resource);
	if (result == VACCEL_ENOENT) {
		CHECK(strstr(mayfly_op_reason(), "TorchScript needs libtorch: "));
		printf("skipped: %s\n", mayfly_op_reason());
		fixture_close(&fixture);
		return check_status() ? check_status() : CHECK_SKIPPED;
	}
	CHECK_NUMBER(result, VACCEL_OK);
	test_order(&fixture);
	test_names(&fixture);
	test_refused(&fixture);
	fixture_close(&fixture);
	test_corrupt(path);
	return check_status();
}
