/* The file tree: what is there at the start, and how a path is followed. */
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "calls.h"
#include "files.h"
#include "libos.h"
#include "proc.h"
#include "text.h"

#define SYMLINKS_MAX 40 /* in one path; as Linux */

static struct node *root, *current;
static uint32_t creation_mask = 022;

struct node *tree_root(void)
{
	return root;
}

struct node *tree_current(void)
{
	return current;
}

void tree_set_current(struct node *directory)
{
	node_hold(directory);
	node_drop(current);
	current = directory;
}

uint32_t tree_apply_mask(uint64_t mode)
{
	return (uint32_t)mode & 07777 & ~creation_mask;
}

int64_t call_umask(const uint64_t arguments[6])
{
	uint32_t old = creation_mask;
	creation_mask = (uint32_t)arguments[0] & 0777;
	return old;
}

bool walk_names_dot(const struct walk *walk)
{
	return (walk->length == 1 && walk->name[0] == '.') ||
	       (walk->length == 2 && walk->name[0] == '.' && walk->name[1] == '.');
}

static int find_component(struct node *directory, const char *name, size_t length,
			  struct node **found)
{
	*found = NULL;
	if (length == 1 && name[0] == '.')
		*found = directory;
	else if (length == 2 && name[0] == '.' && name[1] == '.')
		*found = directory->directory.parent;
	else
		return directory_find(directory, name, length, found);
	return 0;
}

static void walk_start(struct walk *walk, struct node *start)
{
	walk->node = walk->parent = walk->path[0] == '/' ? root : start;
	walk->name = "";
	walk->length = 0;
	walk->trailing_slash = false;
}

/* Replaces what was followed of the path so far by a link's target; `rest` is still to follow. */
static int expand_symlink(struct walk *walk, const struct node *link, const char *rest)
{
	size_t rest_size = strlen(rest) + 1;
	if (link->size + rest_size > sizeof(walk->path))
		return -ENAMETOOLONG;
	memmove(walk->path + link->size, rest, rest_size);
	memcpy(walk->path, link->target, link->size);
	return 0;
}

static const char *skip_slashes(const char *text)
{
	while (*text == '/')
		text++;
	return text;
}

/* Is a link that stands before `rest` of a path followed? */
static bool follows(const char *rest, unsigned flags)
{
	bool last = !*skip_slashes(rest);
	return !last || flags & WALK_FOLLOW || (*rest == '/' && !(flags & WALK_NAME));
}

static int walk_path(struct walk *walk, struct node *start, unsigned flags)
{
	int symlinks = 0;
	walk_start(walk, start);
	for (const char *next = skip_slashes(walk->path); *next;) {
		struct node *directory = walk->node;
		if (!directory)
			return -ENOENT;
		if (!S_ISDIR(directory->mode))
			return -ENOTDIR;
		const char *rest = next;
		while (*rest && *rest != '/')
			rest++;
		size_t length = (size_t)(rest - next);
		if (length > NAME_MAX)
			return -ENAMETOOLONG;
		struct node *found;
		int error = find_component(directory, next, length, &found);
		if (error)
			return error;
		bool followed = found && S_ISLNK(found->mode) && follows(rest, flags);
		if (followed && found->leads_to)
			found = found->leads_to;
		if (followed && S_ISLNK(found->mode)) {
			error =
			    symlinks++ < SYMLINKS_MAX ? expand_symlink(walk, found, rest) : -ELOOP;
			if (error)
				return error;
			walk_start(walk, directory);
			next = skip_slashes(walk->path);
			continue;
		}
		walk->parent = directory;
		walk->node = found;
		walk->name = next;
		walk->length = length;
		walk->trailing_slash = *rest == '/';
		next = skip_slashes(rest);
	}
	if (walk->trailing_slash && walk->node && !S_ISDIR(walk->node->mode) &&
	    !(flags & WALK_NAME))
		return -ENOTDIR;
	return 0;
}

int tree_walk(struct walk *walk, uint64_t directory, uint64_t path, unsigned flags)
{
	int error = user_string(path, walk->path, sizeof(walk->path));
	if (error)
		return error;
	if (!walk->path[0])
		return -ENOENT;
	struct node *start = current;
	if (walk->path[0] != '/' && (int)directory != AT_FDCWD) {
		struct file *file = descriptor_file((uint32_t)directory);
		if (!file)
			return -EBADF;
		if (!S_ISDIR(file->node->mode))
			return -ENOTDIR;
		start = file->node;
	}
	return walk_path(walk, start, flags);
}

int tree_find(struct node **node, uint64_t directory, uint64_t path, uint64_t at_flags)
{
	char first;
	if (at_flags & AT_EMPTY_PATH) {
		int error = user_copy_in(&first, path, 1);
		if (error)
			return error;
		if (!first) {
			struct file *file = descriptor_file((uint32_t)directory);
			bool here = (int)directory == AT_FDCWD;
			if (!here && !file)
				return -EBADF;
			*node = here ? current : file->node;
			return 0;
		}
	}
	struct walk walk;
	int error =
	    tree_walk(&walk, directory, path, at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW);
	if (error)
		return error;
	*node = walk.node;
	return walk.node ? 0 : -ENOENT;
}

/* What the root image has under a name. */
static struct node *seeded(struct node *directory, const char *name)
{
	struct node *found = NULL;
	if (directory)
		directory_find(directory, name, strlen(name), &found);
	return found;
}

/* At the start memory is never short: a pool too small for this tree is refused by the monitor.
 * What could not be made is only missing. What the root image has under the name is replaced. */
static struct node *seed(struct node *directory, const char *name, struct node *node)
{
	if (!node)
		return NULL;
	if (seeded(directory, name))
		directory_remove(directory, name, strlen(name));
	int error = directory ? directory_add(directory, name, strlen(name), node) : -ENOENT;
	node_drop(node);
	return error ? NULL : node;
}

static struct node *seed_directory(struct node *parent, const char *name, uint32_t mode)
{
	return seed(parent, name, node_create(S_IFDIR | mode, &directory_operations));
}

/* The root image's directory where it has one. */
static struct node *seed_or_keep_directory(struct node *parent, const char *name, uint32_t mode)
{
	struct node *there = seeded(parent, name);
	return there && S_ISDIR(there->mode) ? there : seed_directory(parent, name, mode);
}

/* The root image's file goes before this one. */
static void seed_bytes(struct node *directory, const char *name, const void *bytes, size_t length)
{
	if (seeded(directory, name))
		return;
	struct node *node = seed(directory, name, node_create(S_IFREG | 0644, &regular_operations));
	if (node)
		contents_write(node, bytes, length, 0);
}

static void seed_text(struct node *directory, const char *name, const char *text)
{
	seed_bytes(directory, name, text, strlen(text));
}

static void seed_local_time(struct node *directory)
{
	/* tzfile(5): a header with its counts and one local time type, in two versions; UTC. */
#define TIME_ZONE_COUNTS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4"
#define TIME_ZONE_BLOCK	 "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" TIME_ZONE_COUNTS "\0\0\0\0\0\0UTC\0"
	static const char zone[] = TIME_ZONE_BLOCK TIME_ZONE_BLOCK "\nUTC0\n";
	seed_bytes(directory, "localtime", zone, sizeof(zone) - 1);
}

static void seed_generated(struct node *directory, const struct proc_file *files)
{
	for (; files->name; files++)
		seed(directory, files->name, generated_create(files->generate));
}

static void seed_processes(void)
{
	struct node *proc = seed_directory(root, "proc", 0555);
	seed_generated(proc, proc_machine_files);
	struct node *system = seed_directory(proc, "sys", 0555);
	seed_generated(seed_directory(system, "kernel", 0555), proc_kernel_files);
	seed_generated(seed_directory(system, "vm", 0555), proc_memory_files);
	char number[16];
	text_print(number, sizeof(number), "%u", PROCESS_ID);
	struct node *process = seed_directory(proc, number, 0555);
	seed(proc, "self", node_create_symlink(number));
	seed_generated(process, proc_process_files);
	seed(process, "exe", node_create_symlink(libos_start_info.program));
	seed(process, "root", node_create_symlink("/"));
	seed(proc, "mounts", node_create_symlink("self/mounts"));
	struct node *descriptors = seed_directory(process, "fd", 0500);
	if (descriptors)
		descriptors->directory.has_descriptors = true;
}

static void seed_device(struct node *directory, const char *name, unsigned minor,
			const struct file_operations *operations)
{
	struct node *node = seed(directory, name, node_create(S_IFCHR | 0666, operations));
	if (node)
		node->device = makedev(1, minor);
}

/* The three standard streams: pipes, as a program sees them in a pipeline, with descriptors 0 to 2
 * and names in /dev. */
static void seed_streams(struct node *devices)
{
	static const struct {
		const char *name;
		const struct file_operations *operations;
		int flags;
	} streams[] = {
	    {"stdin", &request_operations, O_RDONLY},
	    {"stdout", &response_operations, O_WRONLY},
	    {"stderr", &log_operations, O_WRONLY},
	};
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		struct node *node = seed(devices, streams[i].name,
					 node_create(S_IFIFO | 0600, streams[i].operations));
		if (!node)
			continue;
		struct file *file = file_open(node, streams[i].flags);
		if (file)
			descriptor_replace(i, file, false);
	}
}

void files_init(void)
{
	root = node_create_root();
	root->links = 1;
	root->directory.parent = root;
	current = root;
	node_hold(current);
	seed_or_keep_directory(root, "tmp", 01777);
	struct node *etc = seed_or_keep_directory(root, "etc", 0755);
	seed_text(etc, "passwd", "root:x:0:0:root:/:/bin/sh\n");
	seed_text(etc, "group", "root:x:0:\n");
	seed_text(etc, "hosts", "127.0.0.1\tlocalhost mayfly\n::1\tlocalhost mayfly\n");
	seed_text(etc, "hostname", "mayfly\n");
	seed_text(etc, "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
	seed_text(etc, "resolv.conf", "");
	seed_local_time(etc);
	struct node *devices = seed_directory(root, "dev", 0755);
	seed_device(devices, "null", 3, &null_operations);
	seed_device(devices, "zero", 5, &zero_operations);
	seed_device(devices, "full", 7, &full_operations);
	seed_device(devices, "random", 8, &random_operations);
	seed_device(devices, "urandom", 9, &random_operations);
	seed_directory(devices, "shm", 01777);
	seed_processes();
	seed(devices, "fd", node_create_symlink("/proc/self/fd"));
	seed_streams(devices);
}
