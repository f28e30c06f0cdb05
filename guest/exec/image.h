/* What execve(2) makes of its arguments: all that is known of the program before anything is given up
 * for it. Until exec_load() the caller can still go on as it was. */
#ifndef MAYFLY_GUEST_EXEC_IMAGE_H
#define MAYFLY_GUEST_EXEC_IMAGE_H

#include <linux/limits.h>
#include <stdint.h>

#include "arguments.h"
#include "elf.h"

struct file;

/* An ELF file and what its headers say. */
struct exec_file {
	struct file *file; /* held; NULL: there is none */
	struct elf_program program;
	uint64_t base; /* added to addresses in the file, once it is loaded */
};

struct exec_image {
	struct exec_file program;
	struct exec_file interpreter; /* the dynamic linker */
	struct exec_arguments arguments;
	char path[PATH_MAX]; /* of the program's file, without links */
};

/* What is to be started. */
struct exec_request {
	uint64_t directory, path; /* as execveat(2) takes them */
	uint64_t arguments, variables;
	uint64_t flags; /* AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW */
};

/* Finds and reads the files, and copies the arguments; the caller releases it. 0 or a negative
 * errno, which is the program's. */
int exec_open(struct exec_image *image, const struct exec_request *request);

void exec_image_release(struct exec_image *image);

/* Puts the files' segments into the memory of a program that has nothing yet. 0 or a negative errno:
 * some of it may be there. */
int exec_load(struct exec_image *image);

/* Puts arguments, environment and auxiliary vector on the stack, and tells the rest of the library
 * OS where they are. 0 or the monitor's refusal. */
int exec_build_stack(const struct exec_image *image);

/* Notes how the machine's first program starts; once, before that does. */
void exec_init(void);

#endif
