/* mayfly-unpacker: looks at images, which strangers have made, for the process that starts it.
 *
 *     mayfly-unpacker STARTER SIZE look-program FILE       what a program says of itself
 *     mayfly-unpacker STARTER SIZE look-root FILE          what a root image says of itself
 *     mayfly-unpacker STARTER SIZE digest LAYOUT [TAG]     which image it is
 *     mayfly-unpacker STARTER SIZE pack SOURCE FILE [tag TAG|docker]
 *     mayfly-unpacker STARTER SIZE become PROGRAM [ARG…]   runs another program by the same limits
 *
 * STARTER is the process that it ends with, SIZE how many bytes a file may have. It answers in lines on
 * standard output: "contract NAME", "digest HEX", "command none" of a root image that has no description,
 * "process COMMAND" where that is run in the place of a watchdog of OpenFaaS'.
 * Where something is wrong there is a sentence on standard error, and its errno is the exit status. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/contracts/contract.h"
#include "gateway/unpacker/rights.h"
#include "gateway/unpacker/watchdog.h"
#include "root/image.h"
#include "root/pack.h"
#include "root/tar.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/hash.h"
#include "util/log.h"

#define DESCRIPTION_MAX (64UL << 10) /* as mayfly-monitor has it */

static void tell_contract(enum contract_kind kind)
{
	printf("contract %s\n", contract_name(kind));
}

static int look_program(char *const *words, struct error *error)
{
	uint64_t size;
	enum contract_kind kind;
	cleanup_close int fd = file_open_regular(words[0], &size, error);
	if (fd < 0)
		return fd;
	unpacker_confine(NULL, NULL);
	int result = contract_of_program(fd, &kind);
	if (!result)
		tell_contract(kind);
	return result && result != -ENOENT
		   ? error_set_errno(error, -result, "cannot read %s", words[0])
		   : 0;
}

/* What the image's description says. Whoever runs it checks the rest (image_command.c). */
static int look_description(const uint8_t *text, size_t length, struct error *error)
{
	json_error_t reason;
	enum contract_kind kind;
	cleanup(json_decrefp) json_t *description =
	    json_loadb((const char *)text, length, 0, &reason);
	if (!description)
		return error_set(error, EINVAL, ROOT_DESCRIPTION ": %s", reason.text);
	const char *process = watchdog_process(description);
	if (process && *process && !strpbrk(process, "\r\n"))
		printf("process %s\n", process);
	const json_t *contract = json_object_get(description, "contract");
	if (!contract)
		return 0;
	if (!json_is_string(contract) || contract_find(json_string_value(contract), &kind))
		return error_set(error, EINVAL,
				 ROOT_DESCRIPTION ": \"contract\" is stdio, handler or http");
	tell_contract(kind);
	return 0;
}

static int look_root(char *const *words, struct error *error)
{
	char resolved[PATH_MAX];
	size_t size;
	uint64_t file_size;
	struct root_file file;
	cleanup_free uint8_t *text = NULL;
	cleanup(root_image_release) struct root_image image = {.fd = -1};
	cleanup_close int fd = file_open_regular(words[0], &file_size, error);
	if (fd < 0)
		return fd;
	unpacker_confine(NULL, NULL);
	int result = root_image_open_descriptor(&image, take_fd(&fd), error);
	if (result)
		return result;
	if (root_tree_find(&image.tree, ROOT_DESCRIPTION, &file, resolved)) {
		puts("command none");
		return 0;
	}
	result = root_tree_read(&image.tree, resolved, &file, DESCRIPTION_MAX, &text, &size, error);
	return result ? result : look_description(text, size, error);
}

static int tell_digest(char *const *words, struct error *error)
{
	char hex[HASH_HEX_SIZE];
	unpacker_confine(words[0], NULL);
	int result = root_oci_digest(words[0], words[1], hex, error);
	if (!result)
		printf("digest %s\n", hex);
	return result;
}

static int pack(char *const *words, struct error *error)
{
	char folder[PATH_MAX];
	struct root_choice choice = {.tag = NULL};
	if (words[2] && !strcmp(words[2], "tag"))
		choice.tag = words[3];
	choice.is_docker = words[2] && !strcmp(words[2], "docker");
	int result = root_pack_folder(words[1], folder, error);
	if (result)
		return result;
	/* Its parts cannot be found any more afterwards. */
	tar_prepare(NULL);
	unpacker_confine(words[0], folder);
	return root_pack_choice(words[0], &choice, words[1], error);
}

static int become(char *const *words, struct error *error)
{
	execvp(words[0], words);
	return error_set_errno(error, errno, "cannot run %s", words[0]);
}

static const struct {
	const char *name;
	int least; /* words behind it */
	int (*work)(char *const *words, struct error *error);
} verbs[] = {
    {"look-program", 1, look_program},
    {"look-root", 1, look_root},
    {"digest", 1, tell_digest},
    {"pack", 2, pack},
    {"become", 1, become},
};

int main(int argc, char **argv)
{
	struct error error = {0};
	log_setup("mayfly-unpacker", LOG_ERROR);
	if (argc < 4 || unpacker_follow(atoi(argv[1])))
		return EINVAL;
	unpacker_limit(strtoull(argv[2], NULL, 10));
	/* What it looks at it hashes, and cannot load anything then. */
	const int prepared = hash_prepare(&error);
	int result = prepared ? prepared : -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(verbs) && !prepared; i++)
		if (!strcmp(argv[3], verbs[i].name) && argc - 4 >= verbs[i].least)
			result = verbs[i].work(argv + 4, &error);
	if (!result && fflush(stdout))
		result = error_set_errno(&error, errno, "cannot answer");
	if (!result)
		return 0;
	fprintf(stderr, "%s\n", error.text);
	return -result;
}
