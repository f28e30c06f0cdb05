/* /proc at the program's start. */
#include "guest/fs/tree.h"
#include "descriptors.h"
#include "guest/fs/directory.h"
#include "guest/fs/inode.h"
#include "guest/fs/path.h"
#include "guest/fs/pseudo.h"
#include "guest/sched/process.h"
#include "ids.h"
#include "members.h"
#include "proc.h"
#include "tasks.h"

static void add_files(struct inode *directory, const struct proc_file *files)
{
	for (; files->name; files++)
		tree_add(directory, files->name, pseudo_create(0444, files->generate, 0));
}

static struct inode *add_directory(struct inode *parent, const char *name,
				   const struct proc_file *files)
{
	struct inode *directory =
	    tree_add_directory(parent, name, 0555, &directory_inode_operations);
	if (files)
		add_files(directory, files);
	return directory;
}

static void add_process(struct inode *proc)
{
	static const struct proc_folder folders[PROC_FOLDERS] = {
	    {"fd", 0500, &proc_descriptor_links},
	    {"fdinfo", 0500, &proc_descriptor_files},
	    {"task", 0555, &proc_tasks},
	};
	struct inode *process = NULL;
	proc_members_init(proc, folders);
	tree_add_symlink(proc, "self", "");
	tree_add_symlink(proc, "mounts", "self/mounts");
	tree_add_symlink(proc, "thread-self", "");
	tree_add_symlink(proc, "net", "self/net");
	if (!proc_members_find(proc, PROCESS_FIRST_ID, &process) && process)
		add_directory(process, "net", proc_network_files);
}

void proc_init(void)
{
	struct inode *proc = tree_add_directory(path_root(), "proc", 0555, &proc_ids);
	add_files(proc, proc_machine_files);
	struct inode *system = add_directory(proc, "sys", NULL);
	struct inode *kernel = add_directory(system, "kernel", proc_kernel_files);
	add_directory(kernel, "random", proc_random_files);
	add_directory(system, "fs", proc_files_files);
	add_directory(system, "vm", proc_memory_files);
	add_process(proc);
	tree_add_symlink(tree_devices(), "fd", "/proc/self/fd");
}
