/* The ABI: sizes, offsets and numbers that programs built against vAccel 0.8 rely on. */
#include <stddef.h>

#include "check.h"
#include "vaccel.h"

#define SIZE_IS(type, size) _Static_assert(sizeof(struct type) == (size), #type)
SIZE_IS(vaccel_session, 4264);
SIZE_IS(vaccel_resource, 152);
SIZE_IS(vaccel_blob, 56);
SIZE_IS(vaccel_arg, 32);
SIZE_IS(vaccel_arg_array, 40);
SIZE_IS(vaccel_plugin, 224);
SIZE_IS(vaccel_plugin_info, 96);
SIZE_IS(vaccel_op, 24);
SIZE_IS(vaccel_config, 32);
SIZE_IS(vaccel_tf_tensor, 40);
SIZE_IS(vaccel_tf_buffer, 16);
SIZE_IS(vaccel_tf_node, 16);
SIZE_IS(vaccel_tf_status, 16);
SIZE_IS(vaccel_tflite_tensor, 40);
SIZE_IS(vaccel_arg_list, 32);
SIZE_IS(vaccel_torch_tensor, 48);
SIZE_IS(vaccel_torch_buffer, 16);
SIZE_IS(vaccel_prof_region, 40);

int main(void)
{
	CHECK_NUMBER(offsetof(struct vaccel_session, remote_id), 8);
	CHECK_NUMBER(offsetof(struct vaccel_session, is_virtio), 20);
	CHECK_NUMBER(offsetof(struct vaccel_session, rundir), 21);
	CHECK_NUMBER(offsetof(struct vaccel_session, priv), 4256);
	CHECK_NUMBER(offsetof(struct vaccel_resource, blobs), 48);
	CHECK_NUMBER(offsetof(struct vaccel_resource, plugin_priv), 144);
	CHECK_NUMBER(offsetof(struct vaccel_plugin, ops), 24);
	CHECK_NUMBER(offsetof(struct vaccel_plugin, info), 216);

	CHECK_NUMBER(offsetof(struct vaccel_tf_tensor, dims), 24);
	CHECK_NUMBER(offsetof(struct vaccel_tf_tensor, data_type), 32);
	CHECK_NUMBER(offsetof(struct vaccel_arg_list, curr_idx), 16);

	CHECK_NUMBER(VACCEL_TF_UINT64, 23);
	CHECK_NUMBER(VACCEL_TF_COMPLEX, VACCEL_TF_COMPLEX64);
	CHECK_NUMBER(VACCEL_TFLITE_INT4, 18);
	CHECK_NUMBER(VACCEL_OP_TORCH_MODEL_RUN, 15);
	CHECK_NUMBER(VACCEL_OP_MAX, 24);
	CHECK_NUMBER(VACCEL_ARG_UCHAR_ARRAY, 26);
	CHECK_NUMBER(VACCEL_ARG_MAX, 30);
	CHECK_NUMBER(VACCEL_RESOURCE_MAX, 3);
	CHECK_NUMBER(VACCEL_BLOB_MAX, 3);
	CHECK_NUMBER(VACCEL_PLUGIN_REMOTE, 0x4000);
	CHECK_NUMBER(VACCEL_ESESS, 104);
	CHECK_NUMBER(VACCEL_EBACKEND, 71);
	CHECK_NUMBER(VACCEL_EREMOTEIO, 121);

	char name[VACCEL_ENUM_STR_MAX];
	CHECK_TEXT(vaccel_op_type_to_str(VACCEL_OP_IMAGE_POSE), "VACCEL_OP_IMAGE_POSE");
	CHECK_TEXT(vaccel_op_type_to_base_str(VACCEL_OP_OPENCV), "OPENCV");
	CHECK_TEXT(vaccel_arg_type_name(VACCEL_ARG_FLOAT32_ARRAY, name, sizeof(name)),
		   "float32_array");
	CHECK_TEXT(vaccel_resource_type_to_str((vaccel_resource_type_t)77), "VACCEL_RESOURCE_MAX");
	char small[4];
	CHECK_NUMBER(vaccel_str_to_lower("TOO LONG", small, sizeof(small), NULL), VACCEL_OK);
	CHECK_TEXT(small, "too");
	CHECK_NUMBER(vaccel_str_to_lower("X", small, 0, NULL), VACCEL_EINVAL);
	return check_status();
}
