/* Torch tensors, buffers and model runs. */
#include <stdlib.h>

#include "check.h"
#include "mayfly/buffers.h"
#include "mayfly/results.h"
#include "mayfly/tensors.h"
#include "vaccel.h"

static void test_tensors(void)
{
	const int64_t dims[] = {1, 30};
	struct vaccel_torch_tensor tensor, *heap;
	struct vaccel_torch_buffer *buffer;
	void *data;
	size_t size;
	CHECK_NUMBER(vaccel_torch_tensor_init(&tensor, 0, dims, VACCEL_TORCH_FLOAT), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_torch_tensor_init(&tensor, INT64_MAX, dims, VACCEL_TORCH_FLOAT),
		     VACCEL_ENOMEM);
	CHECK_NUMBER(vaccel_torch_tensor_init(&tensor, 2, dims, VACCEL_TORCH_FLOAT), VACCEL_OK);
	CHECK(tensor.dims != dims && tensor.dims[1] == 30 && !tensor.data);
	CHECK_NUMBER(vaccel_torch_tensor_set_data(&tensor, (void *)dims, sizeof(dims)), VACCEL_OK);
	CHECK(!tensor.owned && tensor.data == dims);
	CHECK_NUMBER(vaccel_torch_tensor_release(&tensor), VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_tensor_release(&tensor), VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_tensor_allocate(&heap, 2, dims, VACCEL_TORCH_FLOAT, 120), 0);
	CHECK(heap->owned && heap->size == 120 && ((float *)heap->data)[29] == 0);
	CHECK_NUMBER(vaccel_torch_tensor_take_data(heap, &data, &size), VACCEL_OK);
	CHECK(!heap->data && !heap->owned && size == 120);
	CHECK_NUMBER(vaccel_torch_tensor_delete(heap), VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_buffer_new(&buffer, data, size), VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_buffer_take_data(buffer, &data, &size), VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_buffer_delete(buffer), VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_buffer_delete(NULL), VACCEL_EINVAL);
	free(data);
}

static void test_run(struct vaccel_session *session)
{
	const int64_t dims[] = {2, 3};
	float numbers[6] = {1, 2, 3, 4, 5, 6};
	struct vaccel_resource model;
	struct vaccel_torch_tensor *in, *out[2];
	CHECK_NUMBER(vaccel_resource_init(&model, "model:any", VACCEL_RESOURCE_MODEL), VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_model_load(session, &model), VACCEL_EPERM);
	CHECK_NUMBER(vaccel_torch_model_load(session, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_torch_model_load(NULL, &model), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_register(&model, session), VACCEL_OK);
	CHECK_NUMBER(vaccel_torch_model_load(session, &model), VACCEL_OK);

	CHECK_NUMBER(vaccel_torch_tensor_new(&in, 2, dims, VACCEL_TORCH_FLOAT), VACCEL_OK);
	vaccel_torch_tensor_set_data(in, numbers, sizeof(numbers));
	CHECK_NUMBER(vaccel_torch_model_run(session, &model, NULL, &in, 1, out, 2), VACCEL_OK);
	for (int i = 0; i < 2; i++) {
		CHECK(out[i]->owned && out[i]->data != numbers && out[i]->nr_dims == 2);
		CHECK(out[i]->dims[1] == 3 && out[i]->data_type == VACCEL_TORCH_FLOAT);
		if (CHECK(out[i]->size == sizeof(numbers)))
			for (int k = 0; k < 6; k++)
				CHECK(((float *)out[i]->data)[k] == numbers[k]);
		vaccel_torch_tensor_delete(out[i]);
	}
	CHECK_NUMBER(vaccel_torch_model_run(session, &model, NULL, &in, 0, out, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_torch_model_run(session, &model, NULL, &in, 1, out, 511),
		     VACCEL_ERANGE);
	/* Fewer bytes than the dimensions say, no known type, a negative dimension. */
	in->size = 20;
	CHECK_NUMBER(vaccel_torch_model_run(session, &model, NULL, &in, 1, out, 1), VACCEL_EINVAL);
	CHECK(!out[0]);
	in->size = sizeof(numbers);
	in->data_type = (enum vaccel_torch_data_type)99;
	CHECK_NUMBER(vaccel_torch_model_run(session, &model, NULL, &in, 1, out, 1), VACCEL_EINVAL);
	in->data_type = VACCEL_TORCH_FLOAT;
	in->dims[0] = -2;
	CHECK_NUMBER(vaccel_torch_model_run(session, &model, NULL, &in, 1, out, 1), VACCEL_EINVAL);
	vaccel_torch_tensor_delete(in);
	vaccel_resource_release(&model);
}

/* Results in memory that the program has. */
static void test_run_into(struct vaccel_session *session)
{
	enum { ROOM = 3000 };
	const int64_t dims[] = {2, 1000}, one[] = {1};
	static float numbers[2000], results[ROOM];
	struct vaccel_resource model;
	struct vaccel_torch_tensor *in, *out;
	CHECK(!vaccel_resource_init(&model, "model:any", VACCEL_RESOURCE_MODEL));
	CHECK(!vaccel_resource_register(&model, session));
	CHECK(!vaccel_torch_tensor_new(&in, 2, dims, VACCEL_TORCH_FLOAT));
	CHECK(!vaccel_torch_tensor_new(&out, 1, one, VACCEL_TORCH_FLOAT));
	for (int i = 0; i < 2000; i++)
		numbers[i] = (float)i;
	vaccel_torch_tensor_set_data(in, numbers, sizeof(numbers));
	vaccel_torch_tensor_set_data(out, results, sizeof(results));
	CHECK_NUMBER(mayfly_model_run_into(session, &model, NULL, &in, 1, NULL, &out, 1),
		     VACCEL_OK);
	CHECK(out->data == results && out->size == sizeof(numbers) && !out->owned);
	CHECK(out->nr_dims == 2 && out->dims[0] == 2 && out->dims[1] == 1000);
	CHECK(check_same_bytes(results, numbers, sizeof(numbers)) && results[2000] == 0);
	/* Exactly as much as it takes, then less. */
	memset(results, 0, sizeof(results));
	CHECK_NUMBER(mayfly_model_run_into(session, &model, NULL, &in, 1, NULL, &out, 1),
		     VACCEL_OK);
	CHECK(check_same_bytes(results, numbers, sizeof(numbers)));
	out->size -= sizeof(float);
	CHECK_NUMBER(mayfly_model_run_into(session, &model, NULL, &in, 1, NULL, &out, 1),
		     VACCEL_ENOSPC);
	CHECK(strstr(mayfly_op_reason(), "8000 bytes") && strstr(mayfly_op_reason(), "7996"));
	out->size = sizeof(results);
	out->data_type = VACCEL_TORCH_INT;
	CHECK_NUMBER(mayfly_model_run_into(session, &model, NULL, &in, 1, NULL, &out, 1),
		     VACCEL_EINVAL);
	CHECK(strstr(mayfly_op_reason(), "data type"));
	out->data_type = VACCEL_TORCH_FLOAT;
	/* Where a host sees both, if there is one. */
	void *buffers[2];
	CHECK(!mayfly_buffer_new(session, sizeof(numbers), &buffers[0]));
	CHECK(!mayfly_buffer_new(session, sizeof(numbers), &buffers[1]));
	memcpy(buffers[0], numbers, sizeof(numbers));
	vaccel_torch_tensor_set_data(in, buffers[0], sizeof(numbers));
	vaccel_torch_tensor_set_data(out, buffers[1], sizeof(numbers));
	CHECK_NUMBER(mayfly_model_run_into(session, &model, NULL, &in, 1, NULL, &out, 1),
		     VACCEL_OK);
	CHECK(out->data == buffers[1] && check_same_bytes(buffers[1], numbers, sizeof(numbers)));
	vaccel_torch_tensor_set_data(out, results, sizeof(results));
	vaccel_torch_tensor_set_data(in, numbers, sizeof(numbers));
	CHECK(!mayfly_buffer_delete(session, buffers[0]) &&
	      !mayfly_buffer_delete(session, buffers[1]));
	/* A result without data, and with few. */
	in->dims[1] = 0;
	in->size = 0;
	CHECK_NUMBER(mayfly_model_run_into(session, &model, NULL, &in, 1, NULL, &out, 1),
		     VACCEL_OK);
	CHECK(out->size == 0 && out->dims[1] == 0);
	CHECK_NUMBER(mayfly_model_run_into(session, &model, NULL, &in, 1, NULL, &out, 1),
		     VACCEL_EINVAL);
	out->size = sizeof(results);
	out->data = NULL;
	CHECK_NUMBER(mayfly_model_run_into(session, &model, NULL, &in, 1, NULL, &out, 1),
		     VACCEL_EINVAL);
	vaccel_torch_tensor_delete(in);
	vaccel_torch_tensor_delete(out);
	vaccel_resource_release(&model);
}

int main(void)
{
	struct vaccel_session session;
	if (!CHECK(!vaccel_session_init(&session, 0)))
		return check_status();
	test_tensors();
	test_run(&session);
	test_run_into(&session);
	vaccel_session_release(&session);
	return check_status();
}
