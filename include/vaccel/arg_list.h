/* Lists of arguments as vAccel had them before struct vaccel_arg_array. */
#ifndef VACCEL_ARG_LIST_H
#define VACCEL_ARG_LIST_H

#include <stdint.h>

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vaccel_arg;

struct vaccel_arg_list {
	uint32_t size; /* room in the list */
	struct vaccel_arg *list;
	int curr_idx;		   /* where the next argument goes */
	int *idcs_allocated_space; /* by argument: 1 where vaccel_delete_args() frees its bytes */
};

/* A list with room for `size` arguments. NULL for 0, and where there is no memory. */
VACCEL_DEPRECATED("use vaccel_arg_array_new()")
VACCEL_API struct vaccel_arg_list *vaccel_args_init(uint32_t size);

/* Appends the caller's bytes; for a list of results: where they go. VACCEL_EINVAL for none, and where
 * the list is full. */
VACCEL_DEPRECATED("use vaccel_arg_array_add_raw()")
VACCEL_API int vaccel_add_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size);
VACCEL_DEPRECATED("use vaccel_arg_array_add_raw()")
VACCEL_API int vaccel_expect_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size);

/* Appends what the serializer makes of `buf` (malloc'ed, its length in *size; the list frees it). */
VACCEL_DEPRECATED("use vaccel_arg_array_add_serialized()")
VACCEL_API int vaccel_add_nonserial_arg(struct vaccel_arg_list *args, void *buf, uint32_t type,
					void *(*serializer)(void *buf, uint32_t *size));

/* Appends room for so many bytes. */
VACCEL_DEPRECATED("use vaccel_arg_array_add_raw()")
VACCEL_API int vaccel_expect_nonserial_arg(struct vaccel_arg_list *args, uint32_t expected_size);

/* The bytes of args[idx]; what the deserializer makes of them. NULL for an index below 0. */
VACCEL_DEPRECATED("use vaccel_arg_array_get_raw()")
VACCEL_API void *vaccel_extract_serial_arg(struct vaccel_arg *args, int idx);
VACCEL_DEPRECATED("use vaccel_arg_array_get_serialized()")
VACCEL_API void *vaccel_extract_nonserial_arg(struct vaccel_arg *args, int idx,
					      void *(*deserializer)(void *buf, uint32_t size));

/* Writes args[idx].size bytes from `buf` into args[idx]; what the serializer makes of `buf`, which
 * must fit (VACCEL_EINVAL). */
VACCEL_DEPRECATED("use vaccel_arg_array_set_raw()")
VACCEL_API int vaccel_write_serial_arg(struct vaccel_arg *args, int idx, void *buf);
VACCEL_DEPRECATED("use vaccel_arg_array_set_serialized()")
VACCEL_API int vaccel_write_nonserial_arg(struct vaccel_arg *args, int idx, void *buf,
					  void *(*serializer)(void *buf, uint32_t *size));

/* Frees the list, and the bytes that it has allocated. */
VACCEL_DEPRECATED("use vaccel_arg_array_delete()")
VACCEL_API int vaccel_delete_args(struct vaccel_arg_list *args);

#ifdef __cplusplus
}
#endif

#endif
