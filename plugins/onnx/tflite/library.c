/* Binding TensorFlow Lite; see library.h. */
#include "library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "runtime/element.h"
#include "runtime/library_file.h"
#include "sizes/sizes.h"
#include "util/trust.h"
#include "vaccel/log.h"

#define LIBRARY_IN_CACHE "tflite/libtensorflowlite_c.so"

static const struct {
	const char *symbol;
	size_t place;
} functions[] = {
#define TFLITE_ROW(symbol, member, result, parameters)                                             \
	{"TfLite" #symbol, offsetof(struct tflite, member)},
    TFLITE_FUNCTIONS(TFLITE_ROW)
#undef TFLITE_ROW
};

int tflite_open(struct tflite *tflite, struct error *error)
{
	char path[PATH_MAX];
	memset(tflite, 0, sizeof(*tflite));
	int result =
	    library_file_find(HOST_TFLITE, LIBRARY_IN_CACHE, "TensorFlow Lite", path, error);
	if (!result && trust_path(path, error))
		result = error_wrap(error, "TensorFlow Lite");
	if (result)
		return result;
	/* The library keeps objects of threads, whose code must not go away. */
	tflite->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!tflite->library)
		return error_set(error, ENOENT, "cannot load TensorFlow Lite: %s", dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		void *function = dlsym(tflite->library, functions[i].symbol);
		if (!function) {
			tflite_close(tflite);
			return error_set(error, ELIBBAD,
					 "%s is no C library of TensorFlow Lite as it is needed: "
					 "it has no %s",
					 path, functions[i].symbol);
		}
		memcpy((char *)tflite + functions[i].place, &function, sizeof(function));
	}
	vaccel_info("onnx: TensorFlow Lite %s", tflite->version());
	return 0;
}

void tflite_close(struct tflite *tflite)
{
	if (tflite->library)
		dlclose(tflite->library);
	memset(tflite, 0, sizeof(*tflite));
}

int tflite_element(int type)
{
	static const int elements[] = {
	    [1] = ELEMENT_FLOAT32,  [2] = ELEMENT_INT32,     [3] = ELEMENT_UINT8,
	    [4] = ELEMENT_INT64,    [5] = ELEMENT_TEXT,	     [6] = ELEMENT_BOOL,
	    [7] = ELEMENT_INT16,    [8] = ELEMENT_COMPLEX64, [9] = ELEMENT_INT8,
	    [10] = ELEMENT_FLOAT16, [11] = ELEMENT_FLOAT64,  [12] = ELEMENT_COMPLEX128,
	    [13] = ELEMENT_UINT64,  [16] = ELEMENT_UINT32,   [17] = ELEMENT_UINT16,
	};
	return type > 0 && type < (int)ARRAY_SIZE(elements) ? elements[type] : 0;
}
