/* /proc at the program's start. */
#include "guest/fs/tree.h"
#include "descriptors.h"
#include "guest/fs/directory.h"
#include "guest/fs/inode.h"
#include "guest/fs/path.h"
#include "guest/fs/pseudo.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/sched/process.h"
#include "ids.h"
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
	char number[16];
	text_print(number, sizeof(number), "%u", PROCESS_FIRST_ID);
	struct inode *process = tree_add_directory(proc, number, 0555, &proc_ids);
	tree_add_symlink(proc, "self", number);
	add_files(process, proc_process_files);
	tree_add_symlink(process, "exe", libos_start_info.program);
	tree_add_symlink(process, "root", "/");
	tree_add_symlink(proc, "mounts", "self/mounts");
	tree_add_symlink(process, "cwd", "/");
	tree_add_symlink(proc, "thread-self", "");
	tree_add_symlink(proc, "net", "self/net");
	add_directory(process, "net", proc_network_files);
	tree_add_directory(process, "fd", 0500, &proc_descriptor_links);
	tree_add_directory(process, "fdinfo", 0500, &proc_descriptor_files);
	tree_add_directory(process, "task", 0555, &proc_tasks);
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
