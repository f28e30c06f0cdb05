/* The limits that docs/models.md tells are those of the code: its table is what this prints.
 *
 * usage: test_limits DOCUMENT | test_limits --print
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "decode.h"
#include "mayfly/guest_abi.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "picture/image.h"
#include "runtime/network.h"
#include "util/file.h"

static char table[8192];

__attribute__((format(printf, 1, 2))) static void add(const char *format, ...)
{
	size_t used = strlen(table);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(table + used, sizeof(table) - used, format, arguments);
	va_end(arguments);
}

static void add_count(const char *what, uint64_t most)
{
	add("| %s | %ju |\n", what, (uintmax_t)most);
}

static void add_bytes(const char *what, uint64_t most)
{
	if (most >> 30)
		add("| %s | %ju bytes (%ju GiB) |\n", what, (uintmax_t)most, (uintmax_t)most >> 30);
	else if (most >> 20)
		add("| %s | %ju bytes (%ju MiB) |\n", what, (uintmax_t)most, (uintmax_t)most >> 20);
	else
		add("| %s | %ju bytes |\n", what, (uintmax_t)most);
}

static void make_table(void)
{
	add("| | at most |\n|---|---|\n");
	add_bytes("a picture's file", IMAGE_BYTES_MAX);
	add_count("pixels of a picture", IMAGE_PIXELS_MAX);
	add_count("pixels on a side", IMAGE_SIDE_MAX);
	add_count("scans of a JPEG; of the largest ones a fifth", IMAGE_SCANS_MAX);
	add_bytes("all that goes into one op of a guest and comes out of it", WINDOW_ARENA_SIZE);
	add_bytes("the same for another client of the accelerator host: its window",
		  WIRE_WINDOW_MAX);
	add_count("tensors of one run, inputs and outputs together", WIRE_TENSORS_MAX);
	add_count("dimensions of a tensor", TENSOR_RANK_MAX);
	add_count("inputs of a model; its outputs", NETWORK_PORTS_MAX);
	add_bytes("an ONNX or `.tflite` file", NETWORK_BYTES_MAX);
	add_count("files of a model that a guest sends", WIRE_BLOBS_MAX);
	add_bytes("`model.txt`", DESCRIPTION_BYTES_MAX);
	add_bytes("a line of it", DESCRIPTION_LINE_MAX);
	add_bytes("a label file", LABELS_BYTES_MAX);
	add_count("classes", DESCRIPTION_CLASSES_MAX);
	add_count("pixels on a side of a model's input", DESCRIPTION_SIDE_MAX);
	add_count("boxes that a model may give", DECODE_BOXES_MAX);
	add_count("results for one picture", DESCRIPTION_RESULTS_MAX);
	add_bytes("a label in a result", MAYFLY_LABEL_SIZE - 1);
	add_bytes("a keypoint's name", MAYFLY_KEYPOINT_SIZE - 1);
	add_bytes("why an op failed", MAYFLY_REASON_SIZE - 1);
}

int main(int argc, char **argv)
{
	make_table();
	if (argc > 1 && !strcmp(argv[1], "--print")) {
		fputs(table, stdout);
		return 0;
	}
	uint8_t *text = NULL;
	size_t length;
	struct error error = {0};
	if (CHECK(argc > 1) && CHECK(!file_read(argv[1], 1 << 20, &text, &length, &error)))
		if (!CHECK(strstr((const char *)text, table)))
			fprintf(stderr, "%s has to say:\n\n%s", argv[1], table);
	CHECK_NUMBER(MAYFLY_REASON_SIZE, WIRE_REASON_MAX);
	free(text);
	return check_status();
}
