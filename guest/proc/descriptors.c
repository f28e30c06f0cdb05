/* /proc/PID/fd and fdinfo; see descriptors.h. Nothing is kept in step while descriptors come
 * and go: a link is made, or made anew, when somebody looks at it. */
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/directory.h"
#include "guest/fs/file.h"
#include "guest/fs/file_path.h"
#include "guest/fs/inode.h"
#include "guest/fs/pseudo.h"
#include "guest/fs/symlink.h"
#include "guest/lib/large_data.h"
#include "guest/lib/text.h"
#include "guest/sched/process.h"
#include "members.h"

#define LINK_MODE   (S_IFLNK | 0700)
#define FILE_MODE   (S_IFREG | 0400)
#define NUMBER_SIZE 8

static LARGE_DATA struct inode *links[DESCRIPTOR_COUNT]; /* links that somebody has looked at */

/* The link with this number as its name, with what the descriptor has open now. */
static int find_link(struct inode *directory, const char *name, size_t length, struct inode **found)
{
	char text[PATH_MAX];
	const struct process *process = proc_process_of(directory);
	uint64_t number;
	const struct file *file = NULL;
	if (process && text_parse_number(name, length, DESCRIPTOR_COUNT, &number))
		file = descriptor_file_of(process, number);
	*found = NULL;
	if (!file)
		return 0;
	size_t text_length = file_path(file, text);
	if (!links[number]) {
		links[number] = symlink_create("");
		if (!links[number])
			return -ENOMEM;
		links[number]->mode = LINK_MODE;
		links[number]->links = 1;
	}
	int error = symlink_set_target(links[number], text, text_length);
	if (error)
		return error;
	links[number]->link.leads_to = file->inode;
	*found = links[number];
	return 0;
}

static bool list_numbers(const struct inode *directory, uint64_t cookie, struct dirent_info *info,
			 uint32_t mode)
{
	const struct process *process = proc_process_of(directory);
	static char name[NUMBER_SIZE];
	uint64_t number = cookie - DIRECTORY_FIRST_COOKIE;
	const uint64_t end = process ? descriptors_end(process) : 0;
	while (number < end && !descriptor_file_of(process, number))
		number++;
	if (number >= end)
		return false;
	*info = (struct dirent_info){
	    .name = name,
	    .length = text_print(name, sizeof(name), "%lu", number),
	    .number = number + 1,
	    .cookie = DIRECTORY_FIRST_COOKIE + number,
	    .mode = mode,
	};
	return true;
}

static bool list_links(const struct inode *directory, uint64_t cookie, struct dirent_info *info)
{
	return list_numbers(directory, cookie, info, LINK_MODE);
}

const struct inode_operations proc_descriptor_links = {
    .lookup = find_link,
    .list = list_links,
    .synthetic = true,
};

/* ── fdinfo ──────────────────────────────────────────────────────────────────────────────────── */

static LARGE_DATA struct inode *files[DESCRIPTOR_COUNT]; /* as the links */

/* The file's subject: a process' id, and a descriptor of it. */
#define SUBJECT_SHIFT 32

static void print_descriptor(struct pseudo_text *out, uint64_t number)
{
	const struct file *file = descriptor_file(number);
	if (!file)
		return;
	bool closes = descriptor_close_on_exec(number);
	uint32_t flags = (uint32_t)file->flags | (closes ? O_CLOEXEC : 0u);
	pseudo_print(out, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t1\nino:\t%lu\n", file->offset, flags,
		     file->inode->number);
	if (file->operations->show)
		file->operations->show(file, out);
}

static void print_file(struct pseudo_text *out)
{
	struct process *process = process_find((uint32_t)out->subject);
	if (!process || process->phase >= PROCESS_ENDED)
		return;
	process_look_as(process);
	print_descriptor(out, out->subject >> SUBJECT_SHIFT);
	process_look_as(NULL);
}

static int find_file(struct inode *directory, const char *name, size_t length, struct inode **found)
{
	const struct process *process = proc_process_of(directory);
	uint64_t number;
	*found = NULL;
	if (!process || !text_parse_number(name, length, DESCRIPTOR_COUNT, &number) ||
	    !descriptor_file_of(process, number))
		return 0;
	if (!files[number]) {
		files[number] = pseudo_create(FILE_MODE, print_file, number);
		if (!files[number])
			return -ENOMEM;
		files[number]->links = 1;
	}
	files[number]->pseudo.subject = process->id | number << SUBJECT_SHIFT;
	*found = files[number];
	return 0;
}

static bool list_files(const struct inode *directory, uint64_t cookie, struct dirent_info *info)
{
	return list_numbers(directory, cookie, info, FILE_MODE);
}

const struct inode_operations proc_descriptor_files = {
    .lookup = find_file,
    .list = list_files,
    .synthetic = true,
};
