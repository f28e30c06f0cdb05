/* ONNX Runtime's C interface, bound at run time; see ort.h. */
#include "ort.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "sizes/sizes.h"
#include "util/trust.h"

struct ort_base {
	const void *const *(*get_table)(uint32_t version);
	const char *(*get_version)(void);
};

int ort_open(struct ort *ort, const char *path, struct error *error)
{
	memset(ort, 0, sizeof(*ort));
	/* Everything on the path to it is checked, too: whoever cannot change the directory cannot
	 * add a provider there either. */
	int result = trust_path(path, error);
	if (result)
		return error_wrap(error, "ONNX Runtime");
	/* ONNX Runtime leaves a thread of its own running, whose code must not go away. */
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library)
		return error_set(error, ENOENT, "cannot load ONNX Runtime: %s", dlerror());
	const struct ort_base *(*get_base)(void) =
	    (const struct ort_base *(*)(void))dlsym(library, "OrtGetApiBase");
	const struct ort_base *base = get_base ? get_base() : NULL;
	const void *const *table = base ? base->get_table(ORT_API_VERSION) : NULL;
	if (!table) {
		dlclose(library);
		return error_set(error, ELIBBAD, "%s is no ONNX Runtime of version 1.%d or later",
				 path, ORT_API_VERSION);
	}
	ort->library = library;
	ort->version = base->get_version();
#define ORT_BIND(slot, member, result, parameters) ort->member = (result(*) parameters)table[slot];
	ORT_FUNCTIONS(ORT_BIND)
#undef ORT_BIND
	return 0;
}

void ort_close(struct ort *ort)
{
	if (ort->library)
		dlclose(ort->library);
	memset(ort, 0, sizeof(*ort));
}

int ort_check(const struct ort *ort, ort_status *status, struct error *error)
{
	if (!status)
		return 0;
	/* OrtErrorCode: which of them say that the model or its input is wrong. */
	enum {
		INVALID_ARGUMENT = 2,
		INVALID_PROTOBUF = 7,
		NOT_IMPLEMENTED = 9,
		INVALID_GRAPH = 10
	};
	int code = ort->get_error_code(status);
	bool callers_fault = code == INVALID_ARGUMENT || code == INVALID_PROTOBUF ||
			     code == NOT_IMPLEMENTED || code == INVALID_GRAPH;
	char message[ERROR_TEXT_MAX - 200]; /* the rest is room for context */
	strncpy(message, ort->get_error_message(status), sizeof(message) - 1);
	message[sizeof(message) - 1] = 0;
	for (char *c = message; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	ort->release_status(status);
	/* Where memory ran out within C++, this is all that it says. */
	if (strstr(message, "bad_alloc"))
		return error_set(error, ENOMEM, "ONNX Runtime: not enough memory (%s)", message);
	return error_set(error, callers_fault ? EINVAL : EIO, "ONNX Runtime: %s", message);
}

const char *ort_type_name(int type)
{
	static const char *const names[] = {
	    "of an unknown kind", "a tensor", "a sequence", "a map", "opaque",
	    "a sparse tensor",	  "optional"};
	return names[type > 0 && type < (int)(ARRAY_SIZE(names)) ? type : 0];
}
