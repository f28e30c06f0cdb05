/* The files of a program that is to start; see image.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/file_path.h"
#include "guest/fs/inode.h"
#include "guest/fs/layer.h"
#include "guest/fs/path.h"
#include "guest/lib/text.h"
#include "guest/machine/machine.h"
#include "guest/mm/heap.h"
#include "guest/mm/shared.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "image.h"
#include "script.h"

/* The first bytes of a file, by which its kind is known. */
union head {
	char text[SCRIPT_LINE_MAX + 1];
	Elf64_Ehdr elf;
};

/* ── finding ─────────────────────────────────────────────────────────────────────────────────── */

static bool is_written_by(const struct process *process, const struct inode *inode)
{
	for (uint64_t i = 0; i < descriptors_end(process); i++) {
		const struct file *file = descriptor_file_of(process, i);
		/* As on Linux, the descriptor that memfd_create() made does not count. */
		if (file && file->inode == inode && file_writable(file) && file->directory)
			return true;
	}
	return false;
}

static bool is_written(const struct inode *inode)
{
	const struct process *process = &process_first;
	while (process && !is_written_by(process, inode))
		process = process->next;
	return process || shared_is_writable(inode);
}

static int check_executable(const struct inode *inode)
{
	if (S_ISLNK(inode->mode))
		return -ELOOP;
	if (!S_ISREG(inode->mode) || !(inode->mode & 0111))
		return -EACCES;
	int error = inode->layer && inode->layer->permission ? inode->layer->permission(inode) : 0;
	if (!error && is_written(inode))
		error = -ETXTBSY;
	return error;
}

/* A file of the inode, which was found in `directory` (NULL: nobody knows where). */
static int open_inode(struct file **file, struct inode *inode, struct inode *directory)
{
	int error = check_executable(inode);
	if (error)
		return error;
	*file = file_open(inode, O_RDONLY);
	if (!*file)
		return -ENOMEM;
	if (directory)
		file_set_directory(*file, directory);
	error = file_start(*file);
	struct backing *backing = NULL;
	if (!error)
		error =
		    (*file)->operations->map ? (*file)->operations->map(*file, &backing) : -ENOEXEC;
	if (!error && !backing)
		error = -ENOEXEC;
	if (error) {
		file_drop(*file);
		*file = NULL;
	}
	return error;
}

static int open_walked(struct file **file, const struct walk *walk)
{
	if (!walk->inode)
		return -ENOENT;
	return open_inode(file, walk->inode, walk->leapt ? NULL : walk->parent);
}

/* By a path of the library OS's own: an interpreter's. */
static int open_path(struct file **file, const char *path)
{
	struct walk walk;
	int error = *path ? path_walk_current(&walk, path, WALK_FOLLOW) : -EACCES;
	return error ? error : open_walked(file, &walk);
}

static int open_descriptor(struct file **file, uint64_t descriptor)
{
	struct inode *inode;
	int error = path_find_opened(&inode, descriptor);
	const struct file *opened = error ? NULL : descriptor_file((uint32_t)descriptor);
	return error ? error : open_inode(file, inode, opened ? opened->directory : NULL);
}

static int open_requested(struct file **file, const struct exec_request *request, const char *path)
{
	struct walk walk;
	if (!*path)
		return request->flags & AT_EMPTY_PATH ? open_descriptor(file, request->directory)
						      : -ENOENT;
	int error = path_walk(&walk, request->directory, request->path,
			      request->flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW);
	return error ? error : open_walked(file, &walk);
}

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

/* 0; -ENOEXEC: the file is shorter; or a negative errno. */
static int read_all(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	const int64_t count = file->backing.operations->read(&file->backing, out, length, offset);
	return count < 0 ? (int)count : (uint64_t)count < length ? -ENOEXEC : 0;
}

static int read_head(struct file *file, union head *head, size_t *length)
{
	const int64_t count =
	    file->backing.operations->read(&file->backing, head->text, SCRIPT_LINE_MAX, 0);
	if (count < 0)
		return (int)count;
	*length = (size_t)count;
	memset(head->text + count, 0, sizeof(head->text) - (size_t)count);
	return 0;
}

static int read_program(struct exec_file *file, const Elf64_Ehdr *header, size_t length)
{
	int error = length < sizeof(*header) ? -ENOEXEC : elf_check_header(header);
	if (error)
		return error;
	const size_t size = header->e_phnum * sizeof(Elf64_Phdr);
	Elf64_Phdr *headers = heap_allocate(size);
	if (!headers)
		return -ENOMEM;
	error = read_all(file->file, headers, size, header->e_phoff);
	if (!error)
		error = elf_parse(&file->program, header, headers, file->file->inode->size);
	heap_free(headers, size);
	return error;
}

/* Programs with fixed addresses can lie wherever nothing of the library OS is. */
static int check_place(const struct exec_file *file)
{
	const struct elf_program *program = &file->program;
	if (program->is_movable || program->low >= GUEST_AREA_BASE)
		return 0;
	machine_tell("execve: the program has a segment at 0x%lx; below 64 KiB nothing can be "
		     "mapped (ENOMEM)",
		     program->low);
	return -ENOMEM;
}

static int read_interpreter(struct exec_image *image)
{
	const struct elf_program *program = &image->program.program;
	char path[ELF_INTERPRETER_MAX];
	union head head;
	size_t length = 0;
	if (!program->interpreter_size)
		return 0;
	int error = read_all(image->program.file, path, program->interpreter_size,
			     program->interpreter_offset);
	if (!error && path[program->interpreter_size - 1])
		error = -ENOEXEC;
	if (!error)
		error = open_path(&image->interpreter.file, path);
	if (!error)
		error = read_head(image->interpreter.file, &head, &length);
	if (!error && length < sizeof(head.elf))
		error = -EIO;
	if (error)
		return error;
	error = read_program(&image->interpreter, &head.elf, length);
	return error == -ENOEXEC ? -ELIBBAD : error;
}

/* ── scripts ─────────────────────────────────────────────────────────────────────────────────── */

/* Its interpreter takes the place of a script. `path`: how the script is called. */
static int open_script(struct exec_image *image, char *path, union head *head, size_t length)
{
	struct script script;
	int error = script_parse(&script, head->text, length);
	if (!error)
		error = exec_arguments_put_script(&image->arguments, script.interpreter,
						  script.argument, path);
	if (error)
		return error;
	struct file *file;
	error = open_path(&file, script.interpreter);
	if (error)
		return error;
	file_drop(image->program.file);
	image->program.file = file;
	memcpy(path, script.interpreter, strlen(script.interpreter) + 1);
	return 0;
}

/* `path`: how the file is called, PATH_MAX bytes. */
static int read_files(struct exec_image *image, char *path)
{
	union head head;
	size_t length = 0;
	int error = read_head(image->program.file, &head, &length);
	for (int depth = 0; !error && !memcmp(head.text, "#!", 2); depth++) {
		error =
		    depth == SCRIPT_DEPTH_MAX ? -ELOOP : open_script(image, path, &head, length);
		if (!error)
			error = read_head(image->program.file, &head, &length);
	}
	if (!error)
		error = read_program(&image->program, &head.elf, length);
	if (!error)
		error = check_place(&image->program);
	return error ? error : read_interpreter(image);
}

/* ── all of it ───────────────────────────────────────────────────────────────────────────────── */

/* How the program will know itself, and an interpreter finds its script: a path that begins at a
 * descriptor goes through /dev/fd. */
static int name_program(char *name, const struct exec_request *request, const char *path)
{
	const bool by_descriptor = (int)request->directory != AT_FDCWD && path[0] != '/';
	const char *slash = *path ? "/" : "";
	size_t length = by_descriptor ? text_print(name, PATH_MAX, "/dev/fd/%d%s%s",
						   (int)request->directory, slash, path)
				      : text_print(name, PATH_MAX, "%s", path);
	return length < PATH_MAX - 1 ? 0 : -ENAMETOOLONG;
}

/* A script whose descriptor is closed when its interpreter starts could not be read by that. */
static bool is_unreachable(const struct exec_request *request, const char *name, bool is_script)
{
	return is_script && (int)request->directory != AT_FDCWD && !strncmp(name, "/dev/fd/", 8) &&
	       descriptor_close_on_exec((uint32_t)request->directory);
}

int exec_open(struct exec_image *image, const struct exec_request *request)
{
	char path[PATH_MAX], *name = image->path;
	*image = (struct exec_image){0};
	int error = user_string(request->path, path, sizeof(path));
	if (!error)
		error = open_requested(&image->program.file, request, path);
	if (!error)
		error = name_program(name, request, path);
	if (!error)
		error = exec_arguments_copy(&image->arguments, request->arguments,
					    request->variables, name);
	if (!error) {
		struct file *const found = image->program.file;
		memcpy(path, name, strlen(name) + 1);
		error = read_files(image, path);
		if (!error && is_unreachable(request, name, image->program.file != found))
			error = -ENOENT;
	}
	if (!error)
		file_path(image->program.file, image->path);
	return error;
}

void exec_image_release(struct exec_image *image)
{
	if (image->program.file)
		file_drop(image->program.file);
	if (image->interpreter.file)
		file_drop(image->interpreter.file);
	exec_arguments_release(&image->arguments);
	image->program.file = image->interpreter.file = NULL;
}
