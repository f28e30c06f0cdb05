/* The part of the probe plugin that answers nonsense; see nonsense.h. */
#include "nonsense.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/plugin.h"
#include "vaccel.h"
#include "vaccel/ops/torch.h"

#define SIDE 4

static void spoil(struct vaccel_torch_tensor *tensor, enum nonsense_tensor kind)
{
	static float kept[SIDE]; /* the plugin's own: who answers has to copy it */
	switch (kind) {
	case TENSOR_WITHOUT_DATA:
		vaccel_torch_tensor_set_data(tensor, NULL, sizeof(kept));
		break;
	case TENSOR_OF_NEGATIVE_RANK:
		tensor->nr_dims = -1;
		break;
	case TENSOR_OF_ENDLESS_RANK:
		tensor->nr_dims = INT64_MAX;
		break;
	case TENSOR_OF_NEGATIVE_SIDE:
		tensor->dims[0] = -SIDE;
		break;
	case TENSOR_OF_OVERFLOWING_SIDES:
		/* Times 4: as many bytes as there are. */
		tensor->dims[0] = INT64_MAX / 2 + 1 + SIDE;
		break;
	case TENSOR_OF_UNKNOWN_TYPE:
		tensor->data_type = (enum vaccel_torch_data_type)99;
		break;
	case TENSOR_LARGER_THAN_SHAPE:
		vaccel_torch_tensor_set_data(tensor, kept, 64 << 10);
		break;
	case TENSOR_SMALLER_THAN_SHAPE:
		vaccel_torch_tensor_set_data(tensor, kept, sizeof(kept) - 1);
		break;
	case TENSOR_OF_SIZE_MAX:
		vaccel_torch_tensor_set_data(tensor, kept, SIZE_MAX);
		break;
	case TENSOR_OF_NEGATIVE_SIZE:
		tensor->size = (size_t)-16;
		break;
	case TENSOR_OF_A_TERABYTE:
		tensor->dims[0] = INT64_C(1) << 38;
		tensor->size = 1UL << 40;
		break;
	default:
		break;
	}
}

int nonsense_torch_run(struct vaccel_session *session, struct vaccel_resource *model,
		       const struct vaccel_torch_buffer *options,
		       struct vaccel_torch_tensor *const *inputs, int input_count,
		       struct vaccel_torch_tensor **outputs, int output_count)
{
	static const float values[SIDE] = {1, 2, 3, 4};
	static const int64_t side = SIDE;
	(void)session, (void)model, (void)inputs, (void)input_count;
	enum nonsense_tensor kind = options ? (enum nonsense_tensor)options->data[0] : TENSOR_SOUND;
	for (int i = 0; i < output_count && kind != TENSOR_MISSING; i++) {
		int result = vaccel_torch_tensor_allocate(&outputs[i], 1, &side, VACCEL_TORCH_FLOAT,
							  sizeof(values));
		if (result)
			return result;
		memcpy(outputs[i]->data, values, sizeof(values));
		if (kind == TENSOR_WITHOUT_SHAPE) {
			free(outputs[i]->dims);
			outputs[i]->dims = NULL;
		}
		spoil(outputs[i], kind);
	}
	return 0;
}

static int nonsense_objects(struct vaccel_session *session, const void *image, size_t length,
			    struct mayfly_object *out, size_t room, size_t *count)
{
	const size_t counts[RESULT_COUNT] = {
	    [RESULT_ONE_TOO_MANY] = room + 1,
	    [RESULT_WITHOUT_END] = SIZE_MAX,
	    [RESULT_OVERFLOWING] = SIZE_MAX / sizeof(*out) + 1,
	};
	(void)session, (void)length, (void)out;
	*count = counts[*(const uint8_t *)image % RESULT_COUNT];
	return 0;
}

static int nonsense_mask(struct vaccel_session *session, const void *image, size_t length,
			 struct mayfly_mask *mask)
{
	const uint32_t sides[RESULT_COUNT][2] = {
	    [RESULT_ONE_TOO_MANY] = {(uint32_t)mask->room + 1, 1},
	    [RESULT_WITHOUT_END] = {UINT32_MAX, UINT32_MAX},
	    [RESULT_OVERFLOWING] = {1U << 16, 1U << 16},
	};
	uint8_t kind = *(const uint8_t *)image % RESULT_COUNT;
	(void)session, (void)length;
	mask->width = sides[kind][0];
	mask->height = sides[kind][1];
	return 0;
}

VACCEL_API const struct mayfly_plugin mayfly_plugin = {
    .version = MAYFLY_PLUGIN_VERSION,
    .detect_objects = nonsense_objects,
    .segment_mask = nonsense_mask,
};
