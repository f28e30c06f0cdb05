/* libmayfly-torch.so: the little of libtorch that is needed, in C, since libtorch has C++ only. It is
 * built where libtorch is installed, and loaded at run time.
 *
 * No exception leaves it: functions return 0, or a negative errno with a text. Types of elements are
 * numbered as in runtime/element.h. */
#ifndef MAYFLY_ONNX_TORCH_SHIM_H
#define MAYFLY_ONNX_TORCH_SHIM_H

#include <stddef.h>
#include <stdint.h>

#define TORCH_SHIM_VERSION  1
#define TORCH_SHIM_RANK_MAX 16
#define TORCH_SHIM_TEXT	    512 /* bytes of a message, with its NUL */

#ifdef __cplusplus
extern "C" {
#endif

struct torch_shim_tensor {
	int element;
	size_t rank;
	int64_t shape[TORCH_SHIM_RANK_MAX];
	void *data; /* an output's is allocated with malloc() and is the caller's */
	size_t size;
};

struct torch_shim_model;

struct torch_shim {
	unsigned version;
	const char *library; /* libtorch's own version */

	/* Loads a model from memory, which is not needed afterwards. -EINVAL: it is none, or has no
	 * method forward(). */
	int (*load)(const void *bytes, size_t size, struct torch_shim_model **model,
		    char text[TORCH_SHIM_TEXT]);
	void (*destroy)(struct torch_shim_model *model);

	/* The least and the most inputs of forward(); the name of one of them, as long as the model
	 * lives. */
	void (*inputs)(const struct torch_shim_model *model, size_t *least, size_t *most);
	const char *(*input_name)(const struct torch_shim_model *model, size_t place);
	/* How many tensors forward() gives as far as its type tells, 0 where it does not. */
	size_t (*outputs)(const struct torch_shim_model *model);

	/* Copies the inputs, which forward() may change, and the first `wanted` outputs. After an
	 * error there are none. Thread-safe. */
	int (*run)(struct torch_shim_model *model, const struct torch_shim_tensor *inputs,
		   size_t count, struct torch_shim_tensor *outputs, size_t wanted,
		   char text[TORCH_SHIM_TEXT]);
};

#define TORCH_SHIM_SYMBOL "mayfly_torch_shim"

/* What the symbol is. Makes libtorch use one thread. NULL where that fails. */
typedef const struct torch_shim *torch_shim_open(void);

#ifdef __cplusplus
}
#endif

#endif
