/* mayfly root: pack a tree of files into an image that guests map. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/verb.h"
#include "root/pack.h"
#include "util/cleanup.h"

struct root_values {
	const char *output;
};

static const struct root_values root_defaults = {0};

static const struct option_spec root_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct root_values, output), "FILE",
     "the image to write", .takes_file = true},
};

static const struct verb_word root_words[] = {
    {"build", "DIR|TAR|LAYOUT", "pack a directory, tar archive or OCI layout into an image"},
};

static int root_build(const char *source, const char *output, struct error *error)
{
	cleanup(root_image_release) struct root_image image = {.fd = -1};
	int result = root_pack(source, output, error);
	/* What was written is read as it will be when it is used. */
	if (!result)
		result = root_image_open(&image, output, error);
	if (result)
		return result;
	printf("%s: %lu files, directories and links, %.1f MB\n", output, image.header.node_count,
	       (double)image.header.image_size / 1e6);
	return 0;
}

static int root_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct root_values *chosen = values;
	if (operands->count != 2 || strcmp(operands->words[0], "build") != 0)
		return error_set(
		    error, EINVAL,
		    "give build, the directory, tar archive or OCI layout to pack, and "
		    "-o FILE");
	if (!chosen->output)
		return error_set(error, EINVAL, "build: name the image to write by -o FILE");
	return root_build(operands->words[1], chosen->output, error);
}

const struct verb verb_root = {
    .name = "root",
    .summary = "Pack a tree of files into an image that guests share",
    .usage = "build DIR|TAR|LAYOUT -o FILE",
    .description =
	"A root image holds the program of a function with its libraries, data and scripts: what "
	"mayfly run --root takes. Every guest maps it read-only, and all of them share its pages; "
	"what a request writes into the tree is gone with it.\n"
	"An archive may be compressed; a LAYOUT is an OCI image layout. Devices, sockets and pipes "
	"are left out, and of a "
	"directory what lies on other file systems.",
    .options = root_options,
    .option_count = sizeof(root_options) / sizeof(root_options[0]),
    .defaults = &root_defaults,
    .values_size = sizeof(root_defaults),
    .words = root_words,
    .word_count = sizeof(root_words) / sizeof(root_words[0]),
    .takes_files = true,
    .run = root_run,
};
