/* Argument lists that fit no signature: each is refused, none is followed. */
#include <stdlib.h>

#include "accel/ops/dispatch.h"
#include "check.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "vaccel.h"

static struct vaccel_session session;

static void test_counts(void)
{
	unsigned char image[8] = {0}, text[8];
	struct vaccel_arg in[WIRE_ARGUMENTS_MAX + 1], out[WIRE_ARGUMENTS_MAX + 1];
	for (size_t i = 0; i <= WIRE_ARGUMENTS_MAX; i++) {
		in[i] = (struct vaccel_arg){image, sizeof(image), VACCEL_ARG_BUFFER, 0, false};
		out[i] = (struct vaccel_arg){text, sizeof(text), VACCEL_ARG_UCHAR_ARRAY, 0, false};
	}
	for (uint32_t op = 0; op < VACCEL_OP_MAX; op++) {
		CHECK_NUMBER(mayfly_op_dispatch(&session, (uint16_t)op, in, WIRE_ARGUMENTS_MAX + 1,
						out, WIRE_ARGUMENTS_MAX + 1, NULL),
			     VACCEL_EINVAL);
		CHECK_NUMBER(mayfly_op_dispatch(&session, (uint16_t)op, NULL, 3, NULL, 2, NULL),
			     VACCEL_EINVAL);
	}
	CHECK_NUMBER(mayfly_op_dispatch(&session, 0xffff, in, 1, out, 1, NULL), VACCEL_ENOTSUP);
	CHECK_NUMBER(mayfly_op_dispatch(&session, WIRE_OP_SESSION_INIT, in, 1, out, 1, NULL),
		     VACCEL_ENOTSUP);
	CHECK_NUMBER(mayfly_op_dispatch(NULL, VACCEL_OP_NOOP, NULL, 0, NULL, 0, NULL),
		     VACCEL_EINVAL);
}

static void test_types(void)
{
	_Alignas(64) unsigned char bytes[128] = {0};
	uint64_t count;
	for (uint32_t type = 0; type < VACCEL_ARG_MAX + 3; type++) {
		struct vaccel_arg in = {bytes, 8, (vaccel_arg_type_t)type, 0, false};
		struct vaccel_arg out = {bytes, 8, VACCEL_ARG_UCHAR_ARRAY, 0, false};
		CHECK_NUMBER(
		    mayfly_op_dispatch(&session, VACCEL_OP_IMAGE_POSE, &in, 1, &out, 1, NULL),
		    type == VACCEL_ARG_BUFFER ? VACCEL_OK : VACCEL_EINVAL);
		in.type = VACCEL_ARG_BUFFER;
		out.type = (vaccel_arg_type_t)type;
		CHECK_NUMBER(
		    mayfly_op_dispatch(&session, VACCEL_OP_IMAGE_POSE, &in, 1, &out, 1, NULL),
		    type == VACCEL_ARG_UCHAR_ARRAY ? VACCEL_OK : VACCEL_EINVAL);
	}
	struct vaccel_arg in = {bytes, 8, VACCEL_ARG_BUFFER, 0, false};
	struct vaccel_arg out[2] = {{bytes, sizeof(bytes), VACCEL_ARG_BUFFER, 0, false},
				    {&count, sizeof(count), VACCEL_ARG_UINT64, 0, false}};
	CHECK_NUMBER(mayfly_op_dispatch(&session, WIRE_OP_DETECT_OBJECTS, &in, 1, out, 2, NULL), 0);
	CHECK(count == 1 && out[0].size == sizeof(struct mayfly_object));
	/* A pointer without bytes, bytes without a pointer, a count that is too small, memory that
	 * is not aligned, an output that grows where none should. */
	const uint32_t grows[2] = {WIRE_ARGUMENT_GROWS, 0};
	struct vaccel_arg nothing = {NULL, 8, VACCEL_ARG_BUFFER, 0, false};
	CHECK_NUMBER(
	    mayfly_op_dispatch(&session, WIRE_OP_DETECT_OBJECTS, &nothing, 1, out, 2, NULL),
	    VACCEL_EINVAL);
	out[1].size = 4;
	CHECK_NUMBER(mayfly_op_dispatch(&session, WIRE_OP_DETECT_OBJECTS, &in, 1, out, 2, NULL),
		     VACCEL_EINVAL);
	out[1].size = 8;
	out[1].buf = bytes + 1;
	CHECK_NUMBER(mayfly_op_dispatch(&session, WIRE_OP_DETECT_OBJECTS, &in, 1, out, 2, NULL),
		     VACCEL_EINVAL);
	out[1].buf = &count;
	out[0].buf = bytes + 1;
	out[0].size = 96;
	CHECK_NUMBER(mayfly_op_dispatch(&session, WIRE_OP_DETECT_OBJECTS, &in, 1, out, 2, NULL),
		     VACCEL_EINVAL);
	out[0].buf = bytes;
	CHECK_NUMBER(mayfly_op_dispatch(&session, WIRE_OP_DETECT_OBJECTS, &in, 1, out, 2, grows),
		     VACCEL_EINVAL);
}

/* A torch run of one tensor, with one thing wrong at a time. */
static int run_torch(int64_t id, int64_t *shape, size_t shape_size, size_t data_size,
		     vaccel_arg_type_t type, const uint32_t *flags)
{
	static _Alignas(64) unsigned char data[256];
	struct vaccel_arg in[] = {{&id, sizeof(id), VACCEL_ARG_INT64, 0, false},
				  {NULL, 0, VACCEL_ARG_BUFFER, 0, false},
				  {shape, shape_size, VACCEL_ARG_INT64_ARRAY, 0, false},
				  {data, data_size, type, 0, false}};
	struct vaccel_arg out[] = {{NULL, 0, VACCEL_ARG_INT64_ARRAY, 0, false},
				   {NULL, 0, VACCEL_ARG_UINT8_ARRAY, 0, false}};
	int result = mayfly_op_dispatch(&session, VACCEL_OP_TORCH_MODEL_RUN, in, 4, out, 2, flags);
	CHECK(!result == !!out[0].buf && !result == !!out[1].buf);
	free(out[0].buf);
	free(out[1].buf);
	return result;
}

static void test_torch(void)
{
	const uint32_t grow[2] = {WIRE_ARGUMENT_GROWS, WIRE_ARGUMENT_GROWS};
	struct vaccel_resource model, data;
	int64_t good[] = {VACCEL_TORCH_FLOAT, 2, 3}, unknown[] = {42, 2, 3};
	int64_t negative[] = {VACCEL_TORCH_FLOAT, 2, -3};
	int64_t huge[] = {VACCEL_TORCH_FLOAT, INT64_MAX, 8};
	int64_t endless[40] = {VACCEL_TORCH_FLOAT};
	CHECK(!vaccel_resource_init(&model, "model:any", VACCEL_RESOURCE_MODEL));
	CHECK(!vaccel_resource_init_from_buf(&data, "x", 1, VACCEL_RESOURCE_DATA, NULL, true));
	const vaccel_arg_type_t floats = VACCEL_ARG_FLOAT32_ARRAY;
	CHECK_NUMBER(run_torch(model.id, good, sizeof(good), 24, floats, grow), VACCEL_EPERM);
	CHECK(!vaccel_resource_register(&model, &session));
	CHECK(!vaccel_resource_register(&data, &session));
	CHECK_NUMBER(run_torch(model.id, good, sizeof(good), 24, floats, grow), VACCEL_OK);
	CHECK_NUMBER(run_torch(data.id, good, sizeof(good), 24, floats, grow), VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(0, good, sizeof(good), 24, floats, grow), VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(INT64_MIN, good, sizeof(good), 24, floats, grow), VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(INT64_MAX, good, sizeof(good), 24, floats, grow), VACCEL_EPERM);
	CHECK_NUMBER(run_torch(model.id, good, sizeof(good), 20, floats, grow), VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, good, sizeof(good), 23, floats, grow), VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, good, sizeof(good), 24, VACCEL_ARG_INT32_ARRAY, grow),
		     VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, good, sizeof(good), 24, VACCEL_ARG_BUFFER, grow),
		     VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, good, 8, 24, floats, grow), VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, good, 12, 24, floats, grow), VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, unknown, sizeof(unknown), 24, floats, grow),
		     VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, negative, sizeof(negative), 24, floats, grow),
		     VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, huge, sizeof(huge), 24, floats, grow), VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, endless, sizeof(endless), 24, floats, grow),
		     VACCEL_EINVAL);
	CHECK_NUMBER(run_torch(model.id, good, sizeof(good), 24, floats, NULL), VACCEL_EINVAL);
	vaccel_resource_release(&model);
	vaccel_resource_release(&data);
}

int main(void)
{
	if (!CHECK(!vaccel_session_init(&session, 0)))
		return check_status();
	test_counts();
	test_types();
	test_torch();
	vaccel_session_release(&session);
	return check_status();
}
