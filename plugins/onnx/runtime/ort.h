/* ONNX Runtime's C interface, bound when it is first needed and without its headers.
 *
 * The library exports one symbol, OrtGetApiBase(). It leads to a table of functions that only ever
 * grows: a function's slot number is its ABI. Only what this plugin calls is named here. Every
 * function that returns an ort_status gives NULL for success.
 */
#ifndef MAYFLY_ONNX_ORT_H
#define MAYFLY_ONNX_ORT_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* The version of the table that is asked for: the slots below exist since then. */
#define ORT_API_VERSION 18

typedef struct ort_status ort_status;
typedef struct ort_environment ort_environment;
typedef struct ort_session ort_session;
typedef struct ort_session_options ort_session_options;
typedef struct ort_run_options ort_run_options;
typedef struct ort_value ort_value;
typedef struct ort_memory_info ort_memory_info;
typedef struct ort_type_info ort_type_info;
typedef struct ort_tensor_info ort_tensor_info;
typedef struct ort_allocator ort_allocator;
typedef struct ort_cuda_options ort_cuda_options;

enum { ORT_LOG_ERROR = 3, ORT_LOG_FATAL = 4 };
enum { ORT_OPTIMIZE_NOTHING = 0, ORT_OPTIMIZE_ALL = 99 };
enum { ORT_ARENA_ALLOCATOR = 1, ORT_MEMORY_DEFAULT = 0 };
enum { ORT_TYPE_TENSOR = 1, ORT_TYPE_SEQUENCE = 2, ORT_TYPE_MAP = 3 }; /* of ONNXType */

/* X(slot, member, result, parameters) */
#define ORT_FUNCTIONS(X)                                                                           \
	X(1, get_error_code, int, (const ort_status *))                                            \
	X(2, get_error_message, const char *, (const ort_status *))                                \
	X(3, create_environment, ort_status *, (int, const char *, ort_environment **))            \
	X(8, create_session_from_array, ort_status *,                                              \
	  (const ort_environment *, const void *, size_t, const ort_session_options *,             \
	   ort_session **))                                                                        \
	X(9, run, ort_status *,                                                                    \
	  (ort_session *, const ort_run_options *, const char *const *, const ort_value *const *,  \
	   size_t, const char *const *, size_t, ort_value **))                                     \
	X(10, create_session_options, ort_status *, (ort_session_options **))                      \
	X(11, set_optimized_model_path, ort_status *, (ort_session_options *, const char *))       \
	X(23, set_optimization_level, ort_status *, (ort_session_options *, int))                  \
	X(24, set_intra_op_threads, ort_status *, (ort_session_options *, int))                    \
	X(25, set_inter_op_threads, ort_status *, (ort_session_options *, int))                    \
	X(30, session_input_count, ort_status *, (const ort_session *, size_t *))                  \
	X(31, session_output_count, ort_status *, (const ort_session *, size_t *))                 \
	X(33, session_input_type, ort_status *, (const ort_session *, size_t, ort_type_info **))   \
	X(34, session_output_type, ort_status *, (const ort_session *, size_t, ort_type_info **))  \
	X(36, session_input_name, ort_status *,                                                    \
	  (const ort_session *, size_t, ort_allocator *, char **))                                 \
	X(37, session_output_name, ort_status *,                                                   \
	  (const ort_session *, size_t, ort_allocator *, char **))                                 \
	X(39, create_run_options, ort_status *, (ort_run_options **))                              \
	X(46, run_options_terminate, ort_status *, (ort_run_options *))                            \
	X(48, create_tensor, ort_status *,                                                         \
	  (ort_allocator *, const int64_t *, size_t, int, ort_value **))                           \
	X(49, create_tensor_with_data, ort_status *,                                               \
	  (const ort_memory_info *, void *, size_t, const int64_t *, size_t, int, ort_value **))   \
	X(50, is_tensor, ort_status *, (const ort_value *, int *))                                 \
	X(51, tensor_data, ort_status *, (ort_value *, void **))                                   \
	X(52, fill_strings, ort_status *, (ort_value *, const char *const *, size_t))              \
	X(53, strings_length, ort_status *, (const ort_value *, size_t *))                         \
	X(54, strings_content, ort_status *,                                                       \
	  (const ort_value *, void *, size_t, size_t *, size_t))                                   \
	X(55, type_as_tensor_info, ort_status *,                                                   \
	  (const ort_type_info *, const ort_tensor_info **))                                       \
	X(56, type_kind, ort_status *, (const ort_type_info *, int *))                             \
	X(60, tensor_element_type, ort_status *, (const ort_tensor_info *, int *))                 \
	X(61, tensor_rank, ort_status *, (const ort_tensor_info *, size_t *))                      \
	X(62, tensor_shape, ort_status *, (const ort_tensor_info *, int64_t *, size_t))            \
	X(64, tensor_element_count, ort_status *, (const ort_tensor_info *, size_t *))             \
	X(65, value_tensor_info, ort_status *, (const ort_value *, ort_tensor_info **))            \
	X(67, value_kind, ort_status *, (const ort_value *, int *))                                \
	X(69, create_cpu_memory_info, ort_status *, (int, int, ort_memory_info **))                \
	X(76, allocator_free, ort_status *, (ort_allocator *, void *))                             \
	X(78, default_allocator, ort_status *, (ort_allocator **))                                 \
	X(80, get_value, ort_status *, (const ort_value *, int, ort_allocator *, ort_value **))    \
	X(81, get_value_count, ort_status *, (const ort_value *, size_t *))                        \
	X(92, release_environment, void, (ort_environment *))                                      \
	X(93, release_status, void, (ort_status *))                                                \
	X(94, release_memory_info, void, (ort_memory_info *))                                      \
	X(95, release_session, void, (ort_session *))                                              \
	X(96, release_value, void, (ort_value *))                                                  \
	X(97, release_run_options, void, (ort_run_options *))                                      \
	X(98, release_type_info, void, (ort_type_info *))                                          \
	X(99, release_tensor_info, void, (ort_tensor_info *))                                      \
	X(100, release_session_options, void, (ort_session_options *))                             \
	X(125, available_providers, ort_status *, (char ***, int *))                               \
	X(126, release_available_providers, ort_status *, (char **, int))                          \
	X(130, add_session_config, ort_status *,                                                   \
	  (ort_session_options *, const char *, const char *))                                     \
	X(204, append_cuda, ort_status *, (ort_session_options *, const ort_cuda_options *))       \
	X(205, create_cuda_options, ort_status *, (ort_cuda_options **))                           \
	X(206, update_cuda_options, ort_status *,                                                  \
	  (ort_cuda_options *, const char *const *, const char *const *, size_t))                  \
	X(208, release_cuda_options, void, (ort_cuda_options *))

struct ort {
	void *library;
	const char *version; /* the library's, e.g. "1.31.1" */
#define ORT_MEMBER(slot, member, result, parameters) result(*member) parameters;
	ORT_FUNCTIONS(ORT_MEMBER)
#undef ORT_MEMBER
};

/* Loads the library at `path` into *ort. Undone by ort_close(). */
int ort_open(struct ort *ort, const char *path, struct error *error);
void ort_close(struct ort *ort);

/* 0 for NULL; else fills `error` with ONNX Runtime's message on one line, releases `status` and
 * returns a negative errno: -EINVAL where the model or the tensors are at fault, -EIO otherwise. */
int ort_check(const struct ort *ort, ort_status *status, struct error *error);

/* An ONNXType in words: "a sequence". */
const char *ort_type_name(int type);

#endif
