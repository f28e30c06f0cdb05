/* Directories of processes; see members.h. */
#include "members.h"

#include <errno.h>

#include "guest/fs/directory.h"
#include "guest/fs/path.h"
#include "guest/fs/pseudo.h"
#include "guest/fs/symlink.h"
#include "guest/fs/tree.h"
#include "guest/lib/text.h"
#include "guest/mm/heap.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "proc.h"

#define NAME_SIZE 16

/* What a file's text is of: a thread or a process, and which file it is. */
#define SUBJECT_OF_THREAD  (1UL << 32)
#define SUBJECT_FILE_SHIFT 33

struct member {
	struct member *next;
	uint32_t id;
	struct inode *directory, *folders[PROC_FOLDERS];
};

static struct member *members;
static const struct proc_folder *folders; /* of each; see proc_members_init() */

static bool is_of(const struct member *member, const struct inode *directory)
{
	for (int i = 0; i < PROC_FOLDERS; i++)
		if (member->folders[i] == directory)
			return true;
	return member->directory == directory;
}

static struct process *living(uint32_t id)
{
	struct process *process = process_find(id);
	return process && process->phase != PROCESS_GONE ? process : NULL;
}

struct process *proc_process_of(const struct inode *directory)
{
	for (const struct member *member = members; member; member = member->next)
		if (is_of(member, directory))
			return living(member->id);
	return NULL;
}

/* ── files ───────────────────────────────────────────────────────────────────────────────────── */

/* NULL: it is gone. */
static struct process *process_of_subject(uint64_t subject)
{
	const uint32_t id = (uint32_t)subject;
	if (!(subject & SUBJECT_OF_THREAD))
		return living(id);
	const struct thread *thread = thread_find((int32_t)id);
	return thread ? thread->process : NULL;
}

static bool is_gone(uint64_t subject)
{
	return !process_of_subject(subject);
}

static void generate(struct pseudo_text *out)
{
	const struct proc_file *file = &proc_process_files[out->subject >> SUBJECT_FILE_SHIFT];
	struct process *process = process_of_subject(out->subject);
	if (!process || (process->phase >= PROCESS_ENDED && !file->of_ended))
		return;
	out->subject = out->subject & SUBJECT_OF_THREAD ? (uint32_t)out->subject : 0;
	process_look_as(process);
	file->generate(out);
	process_look_as(NULL);
}

int proc_add_files(struct inode *directory, uint32_t id, bool of_thread)
{
	for (uint64_t i = 0; proc_process_files[i].name; i++) {
		const struct proc_file *file = &proc_process_files[i];
		if (file->of_threads_only && !of_thread)
			continue;
		struct inode *inode = pseudo_create(0444, generate,
						    id | (of_thread ? SUBJECT_OF_THREAD : 0) |
							i << SUBJECT_FILE_SHIFT);
		if (inode)
			inode->pseudo.is_gone = is_gone;
		if (!tree_add(directory, file->name, inode))
			return -ENOMEM;
	}
	return 0;
}

/* ── links ───────────────────────────────────────────────────────────────────────────────────── */

/* The current directory, wherever it is now. */
static int update_current(struct inode *link)
{
	char path[PATH_MAX];
	size_t start = sizeof(path);
	if (directory_path(path_current(), path, &start))
		start = sizeof(path); /* it was removed, or is too deep: as the root */
	if (start == sizeof(path))
		path[--start] = '/';
	link->link.leads_to = path_current();
	return symlink_set_target(link, path + start, sizeof(path) - start);
}

static int update_executable(struct inode *link)
{
	const char *executable = process_executable();
	return symlink_set_target(link, executable, strlen(executable));
}

static bool is_called(const char *name, size_t length, const char *text)
{
	return length == strlen(text) && !memcmp(name, text, length);
}

static int update_link(const char *name, size_t length, struct inode *link)
{
	if (is_called(name, length, "cwd"))
		return update_current(link);
	return is_called(name, length, "exe") ? update_executable(link) : 0;
}

/* What is found is brought up to date before it is used. What has ended has no files, and of what is gone
 * nothing can be asked. */
static int lookup(struct inode *directory, const char *name, size_t length, struct inode **found)
{
	struct process *process = proc_process_of(directory);
	*found = NULL;
	int error = process ? directory_lookup(directory, name, length, found) : -ESRCH;
	if (error || !*found || !S_ISLNK((*found)->mode))
		return error;
	if (process->phase >= PROCESS_ENDED) {
		*found = NULL;
		return 0;
	}
	process_look_as(process);
	error = update_link(name, length, *found);
	process_look_as(NULL);
	return error;
}

static bool list(const struct inode *directory, uint64_t cookie, struct dirent_info *info)
{
	return proc_process_of(directory) && directory_list(directory, cookie, info);
}

static const struct inode_operations member_operations = {
    .lookup = lookup,
    .list = list,
    .free = directory_free,
};

/* ── making and forgetting them ──────────────────────────────────────────────────────────────── */

void proc_free_directory(struct inode *directory)
{
	const struct dentry *dentry;
	while ((dentry = directory->directory.first))
		directory_remove(directory, dentry->name, dentry->length);
	directory->links = 0;
	directory->directory.parent = NULL;
	inode_drop(directory);
}

static bool fill(struct member *member)
{
	struct inode *directory = member->directory;
	char network[NAME_SIZE + 8];
	text_print(network, sizeof(network), "../%u/net", PROCESS_FIRST_ID);
	for (int i = 0; i < PROC_FOLDERS; i++) {
		member->folders[i] = tree_add_directory(directory, folders[i].name, folders[i].mode,
							folders[i].operations);
		if (!member->folders[i])
			return false;
	}
	if (member->id != PROCESS_FIRST_ID && !tree_add_symlink(directory, "net", network))
		return false;
	return tree_add_symlink(directory, "exe", "") && tree_add_symlink(directory, "root", "/") &&
	       tree_add_symlink(directory, "cwd", "/") &&
	       !proc_add_files(directory, member->id, false);
}

static struct member *make(uint32_t id)
{
	struct member *member = heap_allocate(sizeof(*member));
	struct inode *directory = directory_create(0555, &member_operations);
	if (!member || !directory) {
		heap_free(member, sizeof(*member));
		if (directory)
			inode_drop(directory);
		return NULL;
	}
	*member = (struct member){.next = members, .id = id, .directory = directory};
	members = member;
	return member;
}

static void forget(struct member **place)
{
	struct member *member = *place;
	*place = member->next;
	proc_free_directory(member->directory);
	heap_free(member, sizeof(*member));
}

static void forget_gone(void)
{
	struct member **place = &members;
	while (*place)
		if (living((*place)->id))
			place = &(*place)->next;
		else
			forget(place);
}

void proc_members_init(struct inode *proc, const struct proc_folder of_each[PROC_FOLDERS])
{
	folders = of_each;
	char name[NAME_SIZE];
	text_print(name, sizeof(name), "%u", PROCESS_FIRST_ID);
	struct member *member = make(PROCESS_FIRST_ID);
	if (!member)
		return;
	inode_hold(member->directory);
	tree_add(proc, name, member->directory);
	fill(member);
}

int proc_members_find(struct inode *proc, uint32_t id, struct inode **found)
{
	*found = NULL;
	forget_gone();
	if (!living(id))
		return 0;
	struct member *member = members;
	while (member && member->id != id)
		member = member->next;
	if (!member) {
		member = make(id);
		if (!member)
			return -ENOMEM;
		member->directory->links = 1;
		member->directory->directory.parent = proc;
		if (!fill(member)) {
			forget(&members);
			return -ENOMEM;
		}
	}
	*found = member->directory;
	return 0;
}
