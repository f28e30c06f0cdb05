/* mayfly root: pack a tree of files into an image that guests map. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command/verb.h"
#include "cli/installed/python_image.h"
#include "monitor/target/registry_hint.h"
#include "root/pack.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

struct root_values {
	const char *output;
	const char *python;
	bool lock, handler;
};

static const struct root_values root_defaults = {.python = PYTHON_USUAL};

static const struct option_spec root_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct root_values, output), "FILE",
     "the image to write", .takes_file = true},
    {"python", 0, OPTION_STRING, offsetof(struct root_values, python), "FILE",
     "with python: the interpreter to pack", .takes_file = true},
    {"lock", 0, OPTION_FLAG, offsetof(struct root_values, lock), NULL,
     "with python: make no image, but find the version and hash of each package that "
     "requirements.in names, and write them into requirements.txt"},
    {"handler", 0, OPTION_FLAG, offsetof(struct root_values, handler), NULL,
     "with python: handle() takes HTTP requests from a gateway, also where its parameter does not "
     "say mayfly.Request"},
};

static const struct verb_word root_words[] = {
    {"build", "DIR|TAR|LAYOUT", "pack a directory, tar archive or OCI layout into an image", 1, 1,
     COMPLETE_FILES},
    {"python", "DIR|FILE.py", "pack a function in Python with its interpreter and packages", 1, 1,
     COMPLETE_FILES},
};

static int root_build(const char *source, const char *output, struct error *error)
{
	cleanup(root_image_release) struct root_image image = {.fd = -1};
	int result = registry_hint(source, error);
	if (!result)
		result = root_pack(source, output, error);
	/* Checks what was written by reading it as a monitor will. */
	if (!result)
		result = root_image_open(&image, output, error);
	if (result)
		return result;
	printf("%s: %lu files, directories and links, %.1f MB\n", output, image.header.node_count,
	       (double)image.header.image_size / 1e6);
	return 0;
}

static int root_python(const char *source, const struct root_values *chosen, struct error *error)
{
	const struct python_image image = {source, chosen->output, chosen->python, chosen->handler};
	return chosen->lock ? python_image_lock(source, chosen->python, error)
			    : python_image_pack(&image, error);
}

static int root_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct root_values *chosen = values;
	const char *word = operands->words[0];
	bool python = !strcmp(word, "python");
	if (!python && strcmp(chosen->python, root_defaults.python) != 0)
		return error_set(error, EINVAL, "%s: --python is for functions in Python", word);
	if (!python && chosen->handler)
		return error_set(error, EINVAL, "%s: --handler is for functions in Python", word);
	if (chosen->lock && (!python || chosen->output || chosen->handler))
		return error_set(error, EINVAL,
				 "--lock goes with python and a folder, without -o or --handler");
	if (!chosen->output && !chosen->lock)
		return error_set(error, EINVAL, "%s: name the image to write by -o FILE", word);
	if (python)
		return root_python(operands->words[1], chosen, error);
	return root_build(operands->words[1], chosen->output, error);
}

const struct verb verb_root = {
    .name = "root",
    .summary = "Pack a tree of files into an image that guests share",
    .usage = "build DIR|TAR|LAYOUT -o FILE | python DIR|FILE.py -o FILE | python --lock DIR",
    .description =
	"A root image holds the program of a function with its libraries, data and scripts; "
	"mayfly run --root takes it. All guests map it read-only and share its pages. What a "
	"request writes into the tree is gone when the request is over.\n"
	"build packs a directory DIR, a tar archive TAR (which may be compressed) or an OCI "
	"image layout LAYOUT. It leaves out devices, sockets and pipes, and of a directory "
	"also what lies on other file systems.\n"
	"python packs a function in Python. DIR holds handler.py with handle(request) and, if it "
	"needs packages, requirements.txt with the version and hashes of each. The request is "
	"bytes; where it is declared as handle(request: mayfly.Request), it is an HTTP request of "
	"a gateway. The image holds the interpreter and standard library of this machine, the "
	"packages, and its command: mayfly run IMAGE starts it. When a program in such an image "
	"ends, Python destroys only what is the program's own, and not the libraries that it has "
	"imported; with MAYFLY_FULL_END=1 in its environment, these as well.",
    .options = root_options,
    .option_count = ARRAY_SIZE(root_options),
    .defaults = &root_defaults,
    .values_size = sizeof(root_defaults),
    .words = root_words,
    .word_count = ARRAY_SIZE(root_words),
    .run = root_run,
};
