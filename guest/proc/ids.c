/* Nothing is updated when the first id changes, so a clone that never looks at /proc does nothing for
 * it. */
#include "ids.h"

#include "guest/fs/directory.h"
#include "guest/fs/inode.h"
#include "guest/fs/symlink.h"
#include "guest/lib/text.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "members.h"

#define ID_SIZE 16

/* Cookies of processes, behind those of what is always there. */
#define PROCESS_COOKIES (1UL << 32)

/* 0: no number. */
static uint64_t parse_id(const char *name, size_t length)
{
	uint64_t id;
	return text_parse_number(name, length, PROCESS_ID_MAX, &id) ? id : 0;
}

/* What stands for the name that a directory was made with. */
static const char *show_name(const char *name, size_t *length)
{
	static char own[ID_SIZE];
	if (parse_id(name, *length) != PROCESS_FIRST_ID)
		return name;
	*length = text_print(own, sizeof(own), "%u", process_id_of(&process_first));
	return own;
}

static const char *name_of(const struct dentry *dentry, size_t *length)
{
	return show_name(dentry->name, length);
}

static bool is_called(const char *name, size_t length, const char *text)
{
	return length == strlen(text) && !memcmp(name, text, length);
}

static int update_link(const char *name, size_t length, struct inode *inode)
{
	char text[2 * ID_SIZE + 8];
	size_t text_length;
	if (is_called(name, length, "self"))
		text_length = text_print(text, sizeof(text), "%u", process_id());
	else if (is_called(name, length, "thread-self"))
		text_length = text_print(text, sizeof(text), "%u/task/%d", process_id(),
					 thread_current()->id);
	else
		return 0;
	return symlink_set_target(inode, text, text_length);
}

/* What is found is brought up to date before it is used. */
static int lookup(struct inode *directory, const char *name, size_t length, struct inode **found)
{
	char first[ID_SIZE];
	uint64_t id = parse_id(name, length);
	const struct process *process = id ? process_find(id) : NULL;
	if (process && process != &process_first)
		return proc_members_find(directory, process->id, found);
	if (process) {
		length = text_print(first, sizeof(first), "%u", PROCESS_FIRST_ID);
		name = first;
	}
	int error = directory_lookup(directory, name, length, found);
	return error || !*found ? error : update_link(name, length, *found);
}

/* Processes by their ids, so that a listing can go on while they come and go. */
static bool list_processes(uint64_t cookie, struct dirent_info *info)
{
	static char name[ID_SIZE];
	const struct process *next = NULL, *process = process_first.next;
	for (; process; process = process->next)
		if (process->id + PROCESS_COOKIES >= cookie && process->phase != PROCESS_GONE &&
		    (!next || process->id < next->id))
			next = process;
	if (!next)
		return false;
	*info = (struct dirent_info){
	    .name = name,
	    .length = text_print(name, sizeof(name), "%u", next->id),
	    .number = next->id,
	    .cookie = next->id + PROCESS_COOKIES,
	    .mode = S_IFDIR,
	};
	return true;
}

static bool list(const struct inode *directory, uint64_t cookie, struct dirent_info *info)
{
	if (!directory_list(directory, cookie, info))
		return list_processes(cookie, info);
	info->name = show_name(info->name, &info->length);
	return true;
}

const struct inode_operations proc_ids = {
    .lookup = lookup,
    .list = list,
    .name = name_of,
    .free = directory_free,
};
