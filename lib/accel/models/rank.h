/* Tensors of any rank, for plugins and for what comes from them. */
#ifndef MAYFLY_ACCEL_MODELS_RANK_H
#define MAYFLY_ACCEL_MODELS_RANK_H

#include "mayfly/plugin.h"
#include "vaccel/error.h"
#include "vaccel/ops/tf.h"
#include "vaccel/ops/tflite.h"
#include "vaccel/ops/torch.h"

/* {tf,tflite,torch}_tensor_of_rank(): as vaccel_…_tensor_allocate(), also for a scalar, which has rank
 * 0. Its `dims` still holds one number, a 1, for code that reads it without looking at nr_dims. */
#define TENSOR_OF_RANK(kind, rank_type, dimension_type)                                            \
	static inline int kind##_tensor_of_rank(struct vaccel_##kind##_tensor **tensor,            \
						size_t rank, const dimension_type *dims,           \
						enum vaccel_##kind##_data_type type, size_t size)  \
	{                                                                                          \
		static const dimension_type scalar[] = {1};                                        \
		int result = vaccel_##kind##_tensor_allocate(tensor, rank ? (rank_type)rank : 1,   \
							     rank ? dims : scalar, type, size);    \
		if (!result)                                                                       \
			(*tensor)->nr_dims = (rank_type)rank;                                      \
		return result;                                                                     \
	}
TENSOR_OF_RANK(tf, int, int64_t)
TENSOR_OF_RANK(tflite, int, int32_t)
TENSOR_OF_RANK(torch, int64_t, int64_t)
#undef TENSOR_OF_RANK

/* {tf,tflite,torch}_tensor_for(): the same for output `index` of the op that this thread serves: its data
 * is the room that the caller has made for it, where it fits. */
#define TENSOR_FOR(kind, dimension_type)                                                           \
	static inline int kind##_tensor_for(size_t index, struct vaccel_##kind##_tensor **tensor,  \
					    size_t rank, const dimension_type *dims,               \
					    enum vaccel_##kind##_data_type type, size_t size)      \
	{                                                                                          \
		size_t room = 0;                                                                   \
		void *place = mayfly_plugin_output_room(index, &room);                             \
		bool fits = place && size && size <= room;                                         \
		int result = kind##_tensor_of_rank(tensor, rank, dims, type, fits ? 0 : size);     \
		if (!result && fits)                                                               \
			vaccel_##kind##_tensor_set_data(*tensor, place, size);                     \
		return result;                                                                     \
	}
TENSOR_FOR(tf, int64_t)
TENSOR_FOR(tflite, int32_t)
TENSOR_FOR(torch, int64_t)
#undef TENSOR_FOR

#endif
