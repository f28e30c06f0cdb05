/* TensorFlow and TensorFlow Lite: tensors, nodes, status, and runs of models. */
#include <stdlib.h>

#include "check.h"
#include "confine/sanitizers.h"
#include "mayfly/results.h"
#include "vaccel.h"

#define NOOP_MESSAGE "Operation handled by noop plugin"

static struct vaccel_session session;

#define TEST_TENSORS(kind, dimension_type, type)                                                   \
	static void test_##kind##_tensors(void)                                                    \
	{                                                                                          \
		const dimension_type dims[] = {1, 30};                                             \
		char bytes[] = "bytes";                                                            \
		struct vaccel_##kind##_tensor tensor, *heap;                                       \
		void *data;                                                                        \
		size_t size;                                                                       \
		CHECK_NUMBER(vaccel_##kind##_tensor_init(NULL, 2, dims, type), VACCEL_EINVAL);     \
		CHECK_NUMBER(vaccel_##kind##_tensor_init(&tensor, 0, dims, type), VACCEL_EINVAL);  \
		CHECK_NUMBER(vaccel_##kind##_tensor_init(&tensor, -1, dims, type), VACCEL_EINVAL); \
		CHECK_NUMBER(vaccel_##kind##_tensor_init(&tensor, 2, NULL, type), VACCEL_OK);      \
		CHECK(tensor.dims[0] == 0 && tensor.dims[1] == 0);                                 \
		CHECK_NUMBER(vaccel_##kind##_tensor_release(&tensor), VACCEL_OK);                  \
		CHECK_NUMBER(vaccel_##kind##_tensor_init(&tensor, 2, dims, type), VACCEL_OK);      \
		CHECK(tensor.dims != dims && tensor.dims[1] == 30 && tensor.data_type == type);    \
		CHECK(!tensor.data && !tensor.size && !tensor.owned && tensor.nr_dims == 2);       \
		CHECK_NUMBER(vaccel_##kind##_tensor_set_data(&tensor, bytes, 5), VACCEL_OK);       \
		CHECK(tensor.data == bytes && tensor.size == 5 && !tensor.owned);                  \
		CHECK_NUMBER(vaccel_##kind##_tensor_release(&tensor), VACCEL_OK);                  \
		CHECK(!tensor.dims && !tensor.data && !tensor.nr_dims);                            \
		CHECK_NUMBER(vaccel_##kind##_tensor_release(&tensor), VACCEL_OK);                  \
		CHECK_NUMBER(vaccel_##kind##_tensor_release(NULL), VACCEL_EINVAL);                 \
		CHECK_NUMBER(vaccel_##kind##_tensor_new(NULL, 2, dims, type), VACCEL_EINVAL);      \
		CHECK_NUMBER(vaccel_##kind##_tensor_new(&heap, 0, dims, type), VACCEL_EINVAL);     \
		CHECK_NUMBER(vaccel_##kind##_tensor_new(&heap, 2, dims, type), VACCEL_OK);         \
		CHECK_NUMBER(vaccel_##kind##_tensor_delete(heap), VACCEL_OK);                      \
		/* A sanitizer ends the process there. */                                          \
		if (!CONFINE_SANITIZED)                                                            \
			CHECK_NUMBER(                                                              \
			    vaccel_##kind##_tensor_allocate(&heap, 2, dims, type, SIZE_MAX / 2),   \
			    VACCEL_ENOMEM);                                                        \
		CHECK_NUMBER(vaccel_##kind##_tensor_allocate(&heap, 2, dims, type, 0), VACCEL_OK); \
		CHECK(!heap->data && !heap->owned);                                                \
		CHECK_NUMBER(vaccel_##kind##_tensor_delete(heap), VACCEL_OK);                      \
		CHECK_NUMBER(vaccel_##kind##_tensor_allocate(&heap, 2, dims, type, 120),           \
			     VACCEL_OK);                                                           \
		CHECK(heap->owned && heap->size == 120 && ((char *)heap->data)[119] == 0);         \
		CHECK_NUMBER(vaccel_##kind##_tensor_take_data(heap, &data, NULL), VACCEL_EINVAL);  \
		CHECK_NUMBER(vaccel_##kind##_tensor_take_data(NULL, &data, &size), VACCEL_EINVAL); \
		CHECK_NUMBER(vaccel_##kind##_tensor_take_data(heap, &data, &size), VACCEL_OK);     \
		CHECK(!heap->data && !heap->owned && size == 120);                                 \
		/* What a tensor owned is the caller's when it gets other data. */                 \
		heap->data = data;                                                                 \
		heap->owned = true;                                                                \
		CHECK_NUMBER(vaccel_##kind##_tensor_set_data(heap, bytes, 5), VACCEL_OK);          \
		CHECK_NUMBER(vaccel_##kind##_tensor_delete(heap), VACCEL_OK);                      \
		free(data);                                                                        \
		CHECK_NUMBER(vaccel_##kind##_tensor_delete(NULL), VACCEL_EINVAL);                  \
		CHECK_NUMBER(vaccel_##kind##_tensor_set_data(NULL, NULL, 0), VACCEL_EINVAL);       \
	}
TEST_TENSORS(tf, int64_t, VACCEL_TF_FLOAT)
TEST_TENSORS(tflite, int32_t, VACCEL_TFLITE_FLOAT32)

static void test_parts(void)
{
	struct vaccel_tf_buffer buffer, *heap_buffer;
	struct vaccel_tf_node node, *heap_node;
	struct vaccel_tf_status status, *heap_status;
	void *data;
	size_t size;
	CHECK_NUMBER(vaccel_tf_buffer_init(NULL, NULL, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_buffer_init(&buffer, malloc(4), 4), VACCEL_OK);
	CHECK(buffer.data && buffer.size == 4);
	CHECK_NUMBER(vaccel_tf_buffer_release(&buffer), VACCEL_OK);
	CHECK(!buffer.data && !buffer.size);
	CHECK_NUMBER(vaccel_tf_buffer_new(NULL, NULL, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_buffer_new(&heap_buffer, malloc(4), 4), VACCEL_OK);
	CHECK_NUMBER(vaccel_tf_buffer_take_data(heap_buffer, &data, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_buffer_take_data(heap_buffer, &data, &size), VACCEL_OK);
	CHECK(size == 4 && !heap_buffer->data);
	CHECK_NUMBER(vaccel_tf_buffer_delete(heap_buffer), VACCEL_OK);
	CHECK_NUMBER(vaccel_tf_buffer_delete(NULL), VACCEL_EINVAL);
	free(data);

	CHECK_NUMBER(vaccel_tf_node_init(&node, NULL, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_node_init(NULL, "node", 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_node_init(&node, "node", 1), VACCEL_OK);
	CHECK_TEXT(node.name, "node");
	CHECK_NUMBER(node.id, 1);
	CHECK_NUMBER(vaccel_tf_node_release(&node), VACCEL_OK);
	CHECK(!node.name && node.id == -1);
	CHECK_NUMBER(vaccel_tf_node_release(NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_node_new(&heap_node, NULL, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_node_new(&heap_node, "node", 1), VACCEL_OK);
	CHECK_NUMBER(vaccel_tf_node_delete(heap_node), VACCEL_OK);
	CHECK_NUMBER(vaccel_tf_node_delete(NULL), VACCEL_EINVAL);

	CHECK_NUMBER(vaccel_tf_status_init(&status, 1, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_status_init(&status, 1, "text"), VACCEL_OK);
	CHECK_TEXT(status.message, "text");
	CHECK_NUMBER(status.code, 1);
	CHECK_NUMBER(vaccel_tf_status_release(&status), VACCEL_OK);
	CHECK(!status.message && !status.code);
	CHECK_NUMBER(vaccel_tf_status_release(NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_status_new(&heap_status, 1, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_status_new(&heap_status, 1, "text"), VACCEL_OK);
	CHECK_NUMBER(vaccel_tf_status_delete(heap_status), VACCEL_OK);
	CHECK_NUMBER(vaccel_tf_status_delete(NULL), VACCEL_EINVAL);
}

static void check_status_is(struct vaccel_tf_status *status, int code, const char *message)
{
	CHECK_NUMBER(status->code, code);
	CHECK_TEXT(status->message, message);
	vaccel_tf_status_release(status);
}

static void test_tf_load(struct vaccel_resource *model, struct vaccel_resource *data)
{
	struct vaccel_tf_status status;
	memset(&status, 0x5a, sizeof(status));
	CHECK_NUMBER(vaccel_tf_model_load(&session, NULL, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_model_load(NULL, model, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_model_unload(NULL, model, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tf_model_load(&session, data, &status), VACCEL_EINVAL);
	check_status_is(&status, 3, "the op wants a resource of type MODEL, not DATA");
	CHECK_NUMBER(vaccel_tf_model_load(&session, model, &status), VACCEL_EPERM);
	CHECK_NUMBER(status.code, 7);
	CHECK(status.message && strstr(status.message, "not registered"));
	vaccel_tf_status_release(&status);
	CHECK(!vaccel_resource_register(model, &session));
	CHECK_NUMBER(vaccel_tf_model_load(&session, model, NULL), VACCEL_OK);
	CHECK_NUMBER(vaccel_tf_model_load(&session, model, &status), VACCEL_OK);
	check_status_is(&status, 0, NOOP_MESSAGE);
	CHECK_NUMBER(vaccel_tf_model_unload(&session, model, &status), VACCEL_OK);
	check_status_is(&status, 0, NOOP_MESSAGE);
}

static int run_tf(struct vaccel_resource *model, struct vaccel_tf_tensor *in, size_t in_count,
		  struct vaccel_tf_node *nodes)
{
	struct vaccel_tf_tensor *out = NULL, *const inputs[] = {in, in};
	struct vaccel_tf_status status;
	int result = vaccel_tf_model_run(&session, model, NULL, nodes, inputs, (int)in_count, nodes,
					 &out, 1, &status);
	CHECK(!result == !!out && !result == !status.code && status.message);
	if (result)
		CHECK_TEXT(status.message, mayfly_op_reason());
	vaccel_tf_status_release(&status);
	if (out)
		vaccel_tf_tensor_delete(out);
	return result;
}

static void test_tf_run(struct vaccel_resource *model)
{
	const int64_t dims[] = {2, 3}, huge[] = {INT64_MAX, 8};
	float numbers[6] = {1, 2, 3, 4, 5, 6};
	char first[] = "first", second[] = "second";
	struct vaccel_tf_node nodes[] = {{first, 0}, {second, 7}}, nameless[] = {{NULL, 0}};
	struct vaccel_tf_tensor *in, *out[2];
	struct vaccel_tf_status status;
	char options[] = "options";
	const struct vaccel_tf_buffer run_options = {options, sizeof(options)};
	CHECK(!vaccel_tf_tensor_new(&in, 2, dims, VACCEL_TF_FLOAT));
	vaccel_tf_tensor_set_data(in, numbers, sizeof(numbers));
	CHECK_NUMBER(vaccel_tf_model_run(&session, model, &run_options, nodes, &in, 1, nodes, out,
					 2, &status),
		     VACCEL_OK);
	check_status_is(&status, 0, NOOP_MESSAGE);
	for (int i = 0; i < 2; i++) {
		CHECK(out[i]->owned && out[i]->nr_dims == 2 && out[i]->dims[1] == 3);
		CHECK(out[i]->data_type == VACCEL_TF_FLOAT && out[i]->size == sizeof(numbers));
		CHECK(check_same_bytes(out[i]->data, numbers, sizeof(numbers)));
		vaccel_tf_tensor_delete(out[i]);
	}
	CHECK_NUMBER(vaccel_tf_model_run(&session, model, NULL, NULL, NULL, 0, NULL, NULL, 0, NULL),
		     VACCEL_OK);
	CHECK_NUMBER(
	    vaccel_tf_model_run(&session, model, NULL, nodes, NULL, 1, nodes, out, 1, NULL),
	    VACCEL_EINVAL);
	CHECK_NUMBER(
	    vaccel_tf_model_run(&session, model, NULL, nodes, &in, -1, nodes, out, 1, NULL),
	    VACCEL_EINVAL);
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_OK);
	CHECK_NUMBER(run_tf(model, in, 2, nodes), VACCEL_OK);
	CHECK_NUMBER(run_tf(model, NULL, 1, nodes), VACCEL_EINVAL);
	CHECK_NUMBER(run_tf(model, in, 1, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(run_tf(model, in, 1, nameless), VACCEL_EINVAL);
	/* Texts are as long as they are. */
	in->data_type = VACCEL_TF_STRING;
	in->size = 5;
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_OK);
	in->data_type = VACCEL_TF_COMPLEX64;
	in->size = sizeof(numbers);
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_EINVAL);
	in->dims[1] = 1;
	in->size = 16;
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_OK);
	for (int type = -1; type < 30; type += type == 0 ? 24 : 1) {
		in->data_type = (enum vaccel_tf_data_type)type;
		CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_EINVAL);
	}
	in->data_type = VACCEL_TF_FLOAT;
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_EINVAL);
	in->size = 8;
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_OK);
	in->dims[0] = -2;
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_EINVAL);
	in->dims[0] = 0;
	in->size = 0;
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_OK);
	memcpy(in->dims, huge, sizeof(huge));
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_EINVAL);
	in->nr_dims = 17;
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_EINVAL);
	in->nr_dims = -1;
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_EINVAL);
	in->nr_dims = 0;
	in->size = 4;
	CHECK_NUMBER(run_tf(model, in, 1, nodes), VACCEL_OK);
	vaccel_tf_tensor_delete(in);
}

static void test_tflite(struct vaccel_resource *model, struct vaccel_resource *data)
{
	const int32_t dims[] = {2, 3};
	float numbers[6] = {1, 2, 3, 4, 5, 6};
	struct vaccel_tflite_tensor *in, *out[2];
	uint8_t status = 9;
	CHECK_NUMBER(vaccel_tflite_model_load(&session, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tflite_model_load(NULL, model), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tflite_model_load(&session, data), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_tflite_model_load(&session, model), VACCEL_EPERM);
	CHECK(!vaccel_resource_register(model, &session));
	CHECK_NUMBER(vaccel_tflite_model_load(&session, model), VACCEL_OK);
	CHECK(!vaccel_tflite_tensor_new(&in, 2, dims, VACCEL_TFLITE_FLOAT32));
	vaccel_tflite_tensor_set_data(in, numbers, sizeof(numbers));
	CHECK_NUMBER(vaccel_tflite_model_run(&session, model, &in, 1, out, 2, &status), VACCEL_OK);
	CHECK_NUMBER(status, 0);
	for (int i = 0; i < 2; i++) {
		CHECK(out[i]->owned && out[i]->nr_dims == 2 && out[i]->dims[1] == 3);
		CHECK(out[i]->data_type == VACCEL_TFLITE_FLOAT32);
		CHECK(check_same_bytes(out[i]->data, numbers, sizeof(numbers)));
		vaccel_tflite_tensor_delete(out[i]);
	}
	CHECK_NUMBER(vaccel_tflite_model_run(&session, model, &in, 1, out, 1, NULL), VACCEL_OK);
	vaccel_tflite_tensor_delete(out[0]);
	CHECK_NUMBER(vaccel_tflite_model_run(&session, model, &in, 0, out, 1, &status),
		     VACCEL_EINVAL);
	CHECK_NUMBER(status, 1);
	in->dims[1] = INT32_MIN;
	CHECK_NUMBER(vaccel_tflite_model_run(&session, model, &in, 1, out, 1, &status),
		     VACCEL_EINVAL);
	CHECK(!out[0]);
	vaccel_tflite_tensor_delete(in);
	CHECK_NUMBER(vaccel_tflite_model_unload(&session, model), VACCEL_OK);
	CHECK_NUMBER(vaccel_tflite_model_unload(&session, data), VACCEL_EINVAL);
}

int main(void)
{
	struct vaccel_resource model, lite, data;
	if (!CHECK(!vaccel_session_init(&session, 0)))
		return check_status();
	test_tf_tensors();
	test_tflite_tensors();
	test_parts();
	CHECK(!vaccel_resource_init(&model, "model:any", VACCEL_RESOURCE_MODEL));
	CHECK(!vaccel_resource_init(&lite, "model:other", VACCEL_RESOURCE_MODEL));
	CHECK(!vaccel_resource_init_from_buf(&data, "x", 1, VACCEL_RESOURCE_DATA, NULL, true));
	test_tf_load(&model, &data);
	test_tf_run(&model);
	test_tflite(&lite, &data);
	vaccel_resource_release(&model);
	vaccel_resource_release(&lite);
	vaccel_resource_release(&data);
	vaccel_session_release(&session);
	return check_status();
}
