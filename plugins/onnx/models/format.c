/* Formats of models; see format.h. */
#include "format.h"

#include <string.h>

#include "sizes/sizes.h"
#include "util/text.h"

static const struct {
	const char *ending;
	enum network_format format;
} endings[] = {
    {".onnx", NETWORK_ONNX},
    {".tflite", NETWORK_TFLITE},
    {"saved_model.pb", NETWORK_SAVED_MODEL},
    {".pt", NETWORK_TORCHSCRIPT},
};

bool format_of_name(const char *name, enum network_format *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		if (text_ends_with(name, endings[i].ending)) {
			*format = endings[i].format;
			return true;
		}
	}
	return false;
}

enum network_format format_of_head(const void *head, size_t length)
{
	static const char tflite[] = "TFL3", zip[] = "PK\3\4";
	if (length >= FORMAT_HEAD_SIZE && !memcmp((const char *)head + 4, tflite, 4))
		return NETWORK_TFLITE;
	if (length >= FORMAT_HEAD_SIZE && !memcmp(head, zip, 4))
		return NETWORK_TORCHSCRIPT;
	return NETWORK_ONNX;
}

const char *format_installed_name(enum network_format format)
{
	static const char *const names[NETWORK_FORMAT_COUNT] = {
	    [NETWORK_ONNX] = "model.onnx",
	    [NETWORK_TFLITE] = "model.tflite",
	    [NETWORK_SAVED_MODEL] = "saved_model",
	    [NETWORK_TORCHSCRIPT] = "model.pt",
	};
	return names[format];
}
