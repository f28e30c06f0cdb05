/* Binding TensorFlow; see library.h. */
#include "library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/element.h"
#include "sizes/sizes.h"
#include "util/host_settings.h"
#include "util/text.h"
#include "util/trust.h"
#include "vaccel/log.h"

static const struct {
	const char *symbol;
	size_t place;
} functions[] = {
#define TF_ROW(symbol, member, result, parameters)                                                 \
	{"TF_" #symbol, offsetof(struct tensorflow, member)},
    TF_FUNCTIONS(TF_ROW)
#undef TF_ROW
};

/* As the C library's own packages call it, and Python's. */
static const char *const names[] = {"libtensorflow.so.2", "libtensorflow_cc.so.2",
				    "libtensorflow.so"};

/* TensorFlow brings its own copies of libraries that others have in other versions, so its names
 * are its own; and it leaves threads running, whose code must not go away. */
static void *open_library(const char *path)
{
	return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

static int find_library(void **library, struct error *error)
{
	const char *chosen = host_setting(HOST_TENSORFLOW);
	if (chosen) {
		int result = trust_path(chosen, error);
		if (result)
			return error_wrap(error, "TensorFlow");
		*library = open_library(chosen);
		return *library ? 0
				: error_set(error, ENOENT, "cannot load TensorFlow: %s", dlerror());
	}
	for (size_t i = 0; !*library && i < ARRAY_SIZE(names); i++)
		*library = open_library(names[i]);
	return *library ? 0
			: error_set(error, ENOENT,
				    "TensorFlow is not installed: MAYFLY_TENSORFLOW may name "
				    "its libtensorflow.so.2 or libtensorflow_cc.so.2");
}

int tensorflow_open(struct tensorflow *tensorflow, struct error *error)
{
	memset(tensorflow, 0, sizeof(*tensorflow));
	int result = find_library(&tensorflow->library, error);
	for (size_t i = 0; !result && i < ARRAY_SIZE(functions); i++) {
		void *function = dlsym(tensorflow->library, functions[i].symbol);
		if (!function)
			result = error_set(error, ELIBBAD,
					   "this is no library of TensorFlow as it is needed: it "
					   "has no %s",
					   functions[i].symbol);
		else
			memcpy((char *)tensorflow + functions[i].place, &function,
			       sizeof(function));
	}
	if (result)
		tensorflow_close(tensorflow);
	else
		vaccel_info("onnx: TensorFlow %s", tensorflow->version());
	return result;
}

void tensorflow_close(struct tensorflow *tensorflow)
{
	if (tensorflow->library)
		dlclose(tensorflow->library);
	memset(tensorflow, 0, sizeof(*tensorflow));
}

int tensorflow_check(const struct tensorflow *tensorflow, const tf_status *status,
		     struct error *error)
{
	/* TF_Code: which of them say that the model or its input is wrong. */
	enum {
		OK = 0,
		INVALID_ARGUMENT = 3,
		DEADLINE_EXCEEDED = 4,
		NOT_FOUND = 5,
		RESOURCE_EXHAUSTED = 8,
		FAILED_PRECONDITION = 9,
		OUT_OF_RANGE = 11,
		UNIMPLEMENTED = 12
	};
	static const struct {
		int code, error;
	} codes[] = {
	    {INVALID_ARGUMENT, EINVAL},	  {DEADLINE_EXCEEDED, ETIMEDOUT}, {NOT_FOUND, EINVAL},
	    {RESOURCE_EXHAUSTED, ENOMEM}, {FAILED_PRECONDITION, EINVAL},  {OUT_OF_RANGE, EINVAL},
	    {UNIMPLEMENTED, ENOTSUP},
	};
	int code = tensorflow->code(status), found = EIO;
	if (code == OK)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			found = codes[i].error;
	char message[ERROR_TEXT_MAX - 200]; /* the rest is room for context */
	strncpy(message, tensorflow->message(status), sizeof(message) - 1);
	message[sizeof(message) - 1] = 0;
	text_make_line(message, strlen(message));
	return error_set(error, found, "TensorFlow: %s", message);
}

static const struct {
	int type, element;
} types[] = {
    {1, ELEMENT_FLOAT32},     {2, ELEMENT_FLOAT64},  {3, ELEMENT_INT32},     {4, ELEMENT_UINT8},
    {5, ELEMENT_INT16},	      {6, ELEMENT_INT8},     {7, ELEMENT_TEXT},	     {8, ELEMENT_COMPLEX64},
    {9, ELEMENT_INT64},	      {10, ELEMENT_BOOL},    {14, ELEMENT_BFLOAT16}, {17, ELEMENT_UINT16},
    {18, ELEMENT_COMPLEX128}, {19, ELEMENT_FLOAT16}, {22, ELEMENT_UINT32},   {23, ELEMENT_UINT64},
};

int tensorflow_element(int type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return types[i].element;
	return 0;
}

int tensorflow_type(int element)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].element == element)
			return types[i].type;
	return 0;
}
