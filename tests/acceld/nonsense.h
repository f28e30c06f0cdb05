/* What the probe plugin answers where it is asked to: results that cannot be. */
#ifndef MAYFLY_TESTS_NONSENSE_H
#define MAYFLY_TESTS_NONSENSE_H

/* The first byte of a Torch run's options. */
enum nonsense_tensor {
	TENSOR_SOUND, /* {1, 2, 3, 4} */
	TENSOR_MISSING,
	TENSOR_WITHOUT_DATA,
	TENSOR_WITHOUT_SHAPE,
	TENSOR_OF_NEGATIVE_RANK,
	TENSOR_OF_ENDLESS_RANK,
	TENSOR_OF_NEGATIVE_SIDE,
	TENSOR_OF_OVERFLOWING_SIDES,
	TENSOR_OF_UNKNOWN_TYPE,
	TENSOR_LARGER_THAN_SHAPE,
	TENSOR_SMALLER_THAN_SHAPE,
	TENSOR_OF_SIZE_MAX,
	TENSOR_OF_NEGATIVE_SIZE,
	TENSOR_OF_A_TERABYTE,
	TENSOR_COUNT,
};

/* The first byte of a picture in which objects, or a mask, are to be found. */
enum nonsense_result {
	RESULT_SOUND, /* nothing */
	RESULT_ONE_TOO_MANY,
	RESULT_WITHOUT_END,
	RESULT_OVERFLOWING, /* the bytes of so many are few */
	RESULT_COUNT,
};

struct vaccel_session;
struct vaccel_resource;
struct vaccel_torch_buffer;
struct vaccel_torch_tensor;

/* The plugin's function for VACCEL_OP_TORCH_MODEL_RUN. */
int nonsense_torch_run(struct vaccel_session *session, struct vaccel_resource *model,
		       const struct vaccel_torch_buffer *options,
		       struct vaccel_torch_tensor *const *inputs, int input_count,
		       struct vaccel_torch_tensor **outputs, int output_count);

#endif
