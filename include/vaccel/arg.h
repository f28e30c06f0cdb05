/* Typed arguments of ops, and arrays of them. */
#ifndef VACCEL_ARG_H
#define VACCEL_ARG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define VACCEL_ARG_TYPE_ENUM_LIST(ITEM) \
	ITEM(RAW, 0, VACCEL_ARG) \
	ITEM(INT8, 1, VACCEL_ARG) \
	ITEM(INT8_ARRAY, 2, VACCEL_ARG) \
	ITEM(INT16, 3, VACCEL_ARG) \
	ITEM(INT16_ARRAY, 4, VACCEL_ARG) \
	ITEM(INT32, 5, VACCEL_ARG) \
	ITEM(INT32_ARRAY, 6, VACCEL_ARG) \
	ITEM(INT64, 7, VACCEL_ARG) \
	ITEM(INT64_ARRAY, 8, VACCEL_ARG) \
	ITEM(UINT8, 9, VACCEL_ARG) \
	ITEM(UINT8_ARRAY, 10, VACCEL_ARG) \
	ITEM(UINT16, 11, VACCEL_ARG) \
	ITEM(UINT16_ARRAY, 12, VACCEL_ARG) \
	ITEM(UINT32, 13, VACCEL_ARG) \
	ITEM(UINT32_ARRAY, 14, VACCEL_ARG) \
	ITEM(UINT64, 15, VACCEL_ARG) \
	ITEM(UINT64_ARRAY, 16, VACCEL_ARG) \
	ITEM(FLOAT32, 17, VACCEL_ARG) \
	ITEM(FLOAT32_ARRAY, 18, VACCEL_ARG) \
	ITEM(FLOAT64, 19, VACCEL_ARG) \
	ITEM(FLOAT64_ARRAY, 20, VACCEL_ARG) \
	ITEM(BOOL, 21, VACCEL_ARG) \
	ITEM(BOOL_ARRAY, 22, VACCEL_ARG) \
	ITEM(CHAR, 23, VACCEL_ARG) \
	ITEM(CHAR_ARRAY, 24, VACCEL_ARG) \
	ITEM(UCHAR, 25, VACCEL_ARG) \
	ITEM(UCHAR_ARRAY, 26, VACCEL_ARG) \
	ITEM(STRING, 27, VACCEL_ARG) \
	ITEM(BUFFER, 28, VACCEL_ARG) \
	ITEM(CUSTOM, 29, VACCEL_ARG)
/* clang-format on */
VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_arg_type, VACCEL_ARG, VACCEL_ARG_TYPE_ENUM_LIST)

/* The numeric types: X(name in functions, C type, scalar's type, array's type). */
#define VACCEL_ARG_NUMERIC_TYPES(X)                                                                \
	X(int8, int8_t, VACCEL_ARG_INT8, VACCEL_ARG_INT8_ARRAY)                                    \
	X(int16, int16_t, VACCEL_ARG_INT16, VACCEL_ARG_INT16_ARRAY)                                \
	X(int32, int32_t, VACCEL_ARG_INT32, VACCEL_ARG_INT32_ARRAY)                                \
	X(int64, int64_t, VACCEL_ARG_INT64, VACCEL_ARG_INT64_ARRAY)                                \
	X(uint8, uint8_t, VACCEL_ARG_UINT8, VACCEL_ARG_UINT8_ARRAY)                                \
	X(uint16, uint16_t, VACCEL_ARG_UINT16, VACCEL_ARG_UINT16_ARRAY)                            \
	X(uint32, uint32_t, VACCEL_ARG_UINT32, VACCEL_ARG_UINT32_ARRAY)                            \
	X(uint64, uint64_t, VACCEL_ARG_UINT64, VACCEL_ARG_UINT64_ARRAY)                            \
	X(float, float, VACCEL_ARG_FLOAT32, VACCEL_ARG_FLOAT32_ARRAY)                              \
	X(double, double, VACCEL_ARG_FLOAT64, VACCEL_ARG_FLOAT64_ARRAY)                            \
	X(bool, bool, VACCEL_ARG_BOOL, VACCEL_ARG_BOOL_ARRAY)                                      \
	X(char, char, VACCEL_ARG_CHAR, VACCEL_ARG_CHAR_ARRAY)                                      \
	X(uchar, unsigned char, VACCEL_ARG_UCHAR, VACCEL_ARG_UCHAR_ARRAY)

struct vaccel_arg {
	void *buf;
	size_t size; /* bytes at buf; a STRING's NUL included */
	vaccel_arg_type_t type;
	uint32_t custom_type_id; /* of a CUSTOM argument */
	bool owned;		 /* buf goes when the argument goes */
};

/* An argument with a copy of the `size` bytes at `buf` (zeroes where buf is NULL). */
VACCEL_API int vaccel_arg_init(struct vaccel_arg *arg, const void *buf, size_t size,
			       vaccel_arg_type_t type, uint32_t custom_id);

/* An argument that points to the caller's memory. */
VACCEL_API int vaccel_arg_init_from_buf(struct vaccel_arg *arg, void *buf, size_t size,
					vaccel_arg_type_t type, uint32_t custom_id);

VACCEL_API int vaccel_arg_release(struct vaccel_arg *arg);

/* The same on the heap; vaccel_arg_delete() frees it. */
VACCEL_API int vaccel_arg_new(struct vaccel_arg **arg, const void *buf, size_t size,
			      vaccel_arg_type_t type, uint32_t custom_id);
VACCEL_API int vaccel_arg_from_buf(struct vaccel_arg **arg, void *buf, size_t size,
				   vaccel_arg_type_t type, uint32_t custom_id);
VACCEL_API int vaccel_arg_delete(struct vaccel_arg *arg);

struct vaccel_arg_array {
	struct vaccel_arg *args;
	size_t count;
	size_t capacity;
	size_t position; /* of the argument that the next get or set is about */
	bool owned;	 /* args was allocated here and may grow */
};

/* True where the bytes are a value of the custom type. */
typedef bool (*vaccel_arg_type_validator_fn)(const void *buf, size_t size, uint32_t custom_id);

/* Turns a value into bytes (malloc'ed, handed over), and back. Return 0 or a VACCEL_E… code. */
typedef int (*vaccel_arg_serializer_fn)(const void *data, size_t data_size, uint32_t custom_id,
					void **buf, size_t *size);
typedef int (*vaccel_arg_deserializer_fn)(const void *buf, size_t size, uint32_t custom_id,
					  size_t data_size, void *data);

/* An empty array with room for some arguments (0: a default); it grows. */
VACCEL_API int vaccel_arg_array_init(struct vaccel_arg_array *array, size_t initial_capacity);

/* Releases the arguments and the array. */
VACCEL_API int vaccel_arg_array_release(struct vaccel_arg_array *array);

/* The same on the heap; vaccel_arg_array_delete() frees it. */
VACCEL_API int vaccel_arg_array_new(struct vaccel_arg_array **array, size_t initial_capacity);
VACCEL_API int vaccel_arg_array_delete(struct vaccel_arg_array *array);

/* Looks at `count` arguments of the caller's through an array; such an array cannot grow. */
VACCEL_API int vaccel_arg_array_wrap(struct vaccel_arg_array *array, struct vaccel_arg *args,
				     size_t count);

/* Releases the arguments and keeps the array. */
VACCEL_API void vaccel_arg_array_clear(struct vaccel_arg_array *array);

/* Adding appends an argument that points to the caller's memory, which must outlive it; only
 * serialized data belongs to the array. VACCEL_ERANGE where the array is full and cannot grow.
 *
 * Getting yields the argument at the position and goes on to the next. VACCEL_ERANGE at the end;
 * VACCEL_EINVAL where type or size do not fit: the position then stays. The count of an array may
 * be NULL.
 *
 * Setting copies a value into the buffer of the argument at the position and goes on. The type
 * must fit, and the buffer must have room. */
#define VACCEL_ARG_ARRAY_DECLARE(name, c_type, scalar, array_type)                                 \
	VACCEL_API int vaccel_arg_array_add_##name(struct vaccel_arg_array *array, c_type *value); \
	VACCEL_API int vaccel_arg_array_add_##name##_array(struct vaccel_arg_array *array,         \
							   c_type *values, size_t count);          \
	VACCEL_API int vaccel_arg_array_get_##name(struct vaccel_arg_array *array, c_type *value); \
	VACCEL_API int vaccel_arg_array_get_##name##_array(struct vaccel_arg_array *array,         \
							   c_type **values, size_t *count);        \
	VACCEL_API int vaccel_arg_array_set_##name(struct vaccel_arg_array *array, c_type *value); \
	VACCEL_API int vaccel_arg_array_set_##name##_array(struct vaccel_arg_array *array,         \
							   c_type *values, size_t count);
VACCEL_ARG_NUMERIC_TYPES(VACCEL_ARG_ARRAY_DECLARE)

/* RAW arguments: bytes of no type. */
VACCEL_API int vaccel_arg_array_add_raw(struct vaccel_arg_array *array, void *buf, size_t size);
VACCEL_API int vaccel_arg_array_get_raw(struct vaccel_arg_array *array, void **buf, size_t *size);
VACCEL_API int vaccel_arg_array_set_raw(struct vaccel_arg_array *array, void *buf, size_t size);

VACCEL_API int vaccel_arg_array_add_string(struct vaccel_arg_array *array, char *str);
VACCEL_API int vaccel_arg_array_get_string(struct vaccel_arg_array *array, char **str);
VACCEL_API int vaccel_arg_array_set_string(struct vaccel_arg_array *array, char *str);

VACCEL_API int vaccel_arg_array_add_buffer(struct vaccel_arg_array *array, void *buf, size_t size);
VACCEL_API int vaccel_arg_array_get_buffer(struct vaccel_arg_array *array, void **buf,
					   size_t *size);
VACCEL_API int vaccel_arg_array_set_buffer(struct vaccel_arg_array *array, void *buf, size_t size);

/* CUSTOM arguments: `validator` decides (VACCEL_EINVAL). */
VACCEL_API int vaccel_arg_array_add_custom(struct vaccel_arg_array *array, uint32_t custom_id,
					   void *buf, size_t size,
					   vaccel_arg_type_validator_fn validator);
VACCEL_API int vaccel_arg_array_get_custom(struct vaccel_arg_array *array, uint32_t expected_id,
					   void **buf, size_t *size,
					   vaccel_arg_type_validator_fn validator);
VACCEL_API int vaccel_arg_array_set_custom(struct vaccel_arg_array *array, uint32_t custom_id,
					   void *buf, size_t size,
					   vaccel_arg_type_validator_fn validator);

VACCEL_API int vaccel_arg_array_add_serialized(struct vaccel_arg_array *array,
					       vaccel_arg_type_t type, uint32_t custom_id,
					       const void *data, size_t data_size,
					       vaccel_arg_serializer_fn serializer);
VACCEL_API int vaccel_arg_array_get_serialized(struct vaccel_arg_array *array,
					       vaccel_arg_type_t expected_type,
					       uint32_t expected_custom_id, void *data,
					       size_t expected_size,
					       vaccel_arg_deserializer_fn deserializer);
VACCEL_API int vaccel_arg_array_set_serialized(struct vaccel_arg_array *array,
					       vaccel_arg_type_t type, uint32_t custom_id,
					       void *data, size_t data_size,
					       vaccel_arg_serializer_fn serializer);

/* Appends `count` arguments of `src` from index `start_idx`, as copies or as references to the
 * same memory. */
VACCEL_API int vaccel_arg_array_add_range(struct vaccel_arg_array *dest,
					  const struct vaccel_arg_array *src, size_t start_idx,
					  size_t count, bool copy);

/* Appends those from the position of `src` on, or all. */
VACCEL_API int vaccel_arg_array_add_remaining(struct vaccel_arg_array *dest,
					      const struct vaccel_arg_array *src, bool copy);
VACCEL_API int vaccel_arg_array_add_all(struct vaccel_arg_array *dest,
					const struct vaccel_arg_array *src, bool copy);

/* The arguments from the position on, within the array; NULL and 0 where there is none left. The
 * position stays. */
VACCEL_API int vaccel_arg_array_get_remaining(struct vaccel_arg_array *array,
					      struct vaccel_arg **args, size_t *count);
VACCEL_API size_t vaccel_arg_array_remaining_count(const struct vaccel_arg_array *array);

VACCEL_API size_t vaccel_arg_array_position(const struct vaccel_arg_array *array);
/* A position behind the last argument becomes the end. */
VACCEL_API void vaccel_arg_array_set_position(struct vaccel_arg_array *array, size_t position);
VACCEL_API void vaccel_arg_array_reset_position(struct vaccel_arg_array *array);

VACCEL_API size_t vaccel_arg_array_count(const struct vaccel_arg_array *array);
VACCEL_API struct vaccel_arg *vaccel_arg_array_raw(struct vaccel_arg_array *array);

#ifdef __cplusplus
}
#endif

#include "arg_list.h"

#endif
