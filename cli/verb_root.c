/* mayfly root: pack a tree of files into an image that guests map. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/script.h"
#include "cli/verb.h"
#include "root/pack.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define PACK_PYTHON "functions/python/pack.py"
#define GUEST_VACCEL                                                                               \
	"lib/accel/guest/libvaccel.so.0" /* what programs in the image find as such                \
					  */

struct root_values {
	const char *output;
	const char *python;
};

static const struct root_values root_defaults = {.python = "/usr/bin/python3"};

static const struct option_spec root_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct root_values, output), "FILE",
     "the image to write", .takes_file = true},
    {"python", 0, OPTION_STRING, offsetof(struct root_values, python), "FILE",
     "the interpreter that python packs", .takes_file = true},
};

static const struct verb_word root_words[] = {
    {"build", "DIR|TAR|LAYOUT", "pack a directory, tar archive or OCI layout into an image"},
    {"python", "DIR|FILE.py", "pack a function in Python with its interpreter and packages"},
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

/* The script packs its tree by this command's root build. */
static int root_python(const char *source, const struct root_values *chosen, struct error *error)
{
	char library[PATH_MAX], command[PATH_MAX];
	int result = paths_part(library, sizeof(library), GUEST_VACCEL, error);
	if (result)
		return result;
	ssize_t length = readlink("/proc/self/exe", command, sizeof(command) - 1);
	if (length < 0)
		return error_set_errno(error, errno, "cannot read /proc/self/exe");
	command[length] = 0;
	const char *arguments[] = {"--output",	chosen->output, "--mayfly", command,
				   "--library", library,	"--python", chosen->python,
				   "--",	source,		NULL};
	return script_run(PACK_PYTHON, arguments, error);
}

static int root_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct root_values *chosen = values;
	const char *word = operands->count ? operands->words[0] : "";
	bool python = !strcmp(word, "python");
	if (operands->count != 2 || (!python && strcmp(word, "build") != 0))
		return error_set(
		    error, EINVAL,
		    "give build and the directory, tar archive or OCI layout to pack, or python "
		    "and a function's directory or file; and -o FILE");
	if (!chosen->output)
		return error_set(error, EINVAL, "%s: name the image to write by -o FILE", word);
	if (python)
		return root_python(operands->words[1], chosen, error);
	return root_build(operands->words[1], chosen->output, error);
}

const struct verb verb_root = {
    .name = "root",
    .summary = "Pack a tree of files into an image that guests share",
    .usage = "build DIR|TAR|LAYOUT -o FILE | python DIR|FILE.py -o FILE",
    .description =
	"A root image holds the program of a function with its libraries, data and scripts: what "
	"mayfly run --root takes. Every guest maps it read-only, and all of them share its pages; "
	"what a request writes into the tree is gone with it.\n"
	"An archive may be compressed; a LAYOUT is an OCI image layout. Devices, sockets and pipes "
	"are left out, and of a "
	"directory what lies on other file systems.\n"
	"python makes an image of a function in Python: DIR has handler.py with handle(request), "
	"and "
	"requirements.txt where it needs packages, each with its version and hashes. The image "
	"holds "
	"the interpreter and standard library of this machine, the packages, and its command: "
	"mayfly run IMAGE.",
    .options = root_options,
    .option_count = sizeof(root_options) / sizeof(root_options[0]),
    .defaults = &root_defaults,
    .values_size = sizeof(root_defaults),
    .words = root_words,
    .word_count = sizeof(root_words) / sizeof(root_words[0]),
    .takes_files = true,
    .run = root_run,
};
