/* Torch tensors, buffers and model runs. */
#include <stdlib.h>

#include "check.h"
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
		     VACCEL_EINVAL);
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
	CHECK_NUMBER(vaccel_torch_model_run(session, &model, NULL, &in, 1, out, 64), VACCEL_ERANGE);
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

int main(void)
{
	struct vaccel_session session;
	if (!CHECK(!vaccel_session_init(&session, 0)))
		return check_status();
	test_tensors();
	test_run(&session);
	vaccel_session_release(&session);
	return check_status();
}
