/* Calls on names, with names of every kind of file, of nothing, and of what cannot be: flags,
 * modes, sizes. Nothing outside of the program's own folder is ever changed. */
#include <sys/statfs.h>
#include <utime.h>

#include "arguments.h"

static const struct exception own_exceptions[] = {
    {"open", 1, "0x4000"}, /* O_DIRECT in memory: since Linux 6.6 */
    {"open", 1, "0x200000|0x4000"},
    {"newfstatat", 1, "NULL"},
    {NULL, 0, NULL},
};

static char long_name[NAME_MAX + 2], longest_name[NAME_MAX + 1], long_path[PATH_MAX + 1];
static char buffer[4096];

#define OWN_PATHS                                                                                  \
	VALUE("file"), VALUE("directory"), VALUE("empty"), VALUE("link"), VALUE("folder-link"),    \
	    VALUE("dangling"), VALUE("loop"), VALUE("none"), VALUE("none/x"), VALUE("none/"),      \
	    VALUE("file/"), VALUE("file/x"), VALUE("file/."), VALUE("file/.."),                    \
	    VALUE("directory/"), VALUE("empty/"), VALUE("link/"), VALUE("folder-link/"),           \
	    VALUE("dangling/"), VALUE("loop/"), VALUE("directory/inside"),                         \
	    VALUE("folder-link/inside"), VALUE("directory/new"), VALUE("."), VALUE("./"),          \
	    VALUE("directory/."), VALUE("empty/."), VALUE("directory/.."), VALUE("none/.."),       \
	    VALUE(""), VALUE(long_name), VALUE(longest_name), VALUE(long_path), VALUE(NULL)
#define PATHS                                                                                      \
	VALUES(OWN_PATHS, VALUE(".."), VALUE("//"), VALUE("/dev/null"), VALUE("/proc/self/statm"))
#define FEW_PATHS                                                                                  \
	VALUES(VALUE("file"), VALUE("empty"), VALUE("directory"), VALUE("link"),                   \
	       VALUE("dangling"), VALUE("none"), VALUE("file/"), VALUE("none/"), VALUE("loop"),    \
	       VALUE("directory/new"), VALUE("."), VALUE(""))
#define HERE ONLY(AT_FDCWD)

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names in a folder, with their kinds and, of files, sizes. */
static void print_folder(const char *folder)
{
	char *names[32];
	int count = 0;
	DIR *listing = opendir(folder);
	const struct dirent *entry;
	while (listing && (entry = readdir(listing)) && count < 32)
		if (entry->d_name[0] != '.')
			names[count++] = strdup(entry->d_name);
	qsort(names, (size_t)count, sizeof(*names), compare);
	for (int i = 0; i < count; i++) {
		struct stat status;
		fstatat(dirfd(listing), names[i], &status, AT_SYMLINK_NOFOLLOW);
		printf(" %.12s:%o:%ld", names[i], status.st_mode, (long)status.st_nlink);
		if (S_ISREG(status.st_mode))
			printf(":%ld", (long)status.st_size);
		free(names[i]);
	}
	if (listing)
		closedir(listing);
}

static void show_names(long result)
{
	(void)result;
	print_folder(".");
	printf(" |");
	print_folder("directory");
}

static void show_opened(long result)
{
	struct stat status = {0};
	fstat((int)result, &status);
	/* What a file system has of its own, and that files may be large, is no question here. */
	printf(" %#x %d %o", fcntl((int)result, F_GETFL) & ~0100000, fcntl((int)result, F_GETFD),
	       status.st_mode & ~022);
}

static struct stat status;
static struct statx extended;
static void show_status(long result)
{
	(void)result;
	printf(" %o", status.st_mode & S_IFMT);
}

static void show_buffer(long result)
{
	printf(" %.*s", (int)(result > 0 ? result : 0), buffer);
}

static void show_place(long result)
{
	(void)result;
	char place[PATH_MAX];
	printf(" %s", getcwd(place, sizeof(place))
			  ? place + (strlen(place) > strlen(scratch) ? strlen(scratch) : 0)
			  : "none");
}

static struct timespec times[][2] = {
    {{1, 2}, {3, 4}},	      {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, {{0, UTIME_NOW}, {5, 6}},
    {{0, -1}, {0, 0}},	      {{0, 0}, {0, 1000000000}},	  {{0, UTIME_OMIT}, {7, 8}},
    {{-5, 0}, {1L << 33, 0}},
};

static void show_times(long result)
{
	struct stat found;
	(void)result;
	stat("file", &found);
	printf(" %ld.%ld",
	       found.st_mtim.tv_sec < 2000000000 && found.st_mtim.tv_sec > 1000000000
		   ? 1
		   : (long)found.st_mtim.tv_sec,
	       found.st_mtim.tv_sec < 100 ? found.st_mtim.tv_nsec : 0);
}

static void call_opening(void)
{
	const struct table tables[] = {
	    TABLE(open, RESULT_DESCRIPTOR, {VALUES(OWN_PATHS), each_bit(O_RDONLY), ONLY(0666)},
		  make_names, show_opened),
	    TABLE(open, RESULT_DESCRIPTOR,
		  {PATHS, VALUES(VALUE(O_RDONLY), VALUE(O_DIRECTORY), VALUE(O_RDONLY | O_NONBLOCK),
				 VALUE(O_NOFOLLOW), VALUE(O_CREAT | O_EXCL))},
		  make_names, show_opened),
	    TABLE(open, RESULT_DESCRIPTOR, {PATHS, each_bit(O_PATH), ONLY(0)}, make_names,
		  show_opened),
	    TABLE(open, RESULT_DESCRIPTOR,
		  {VALUES(OWN_PATHS),
		   VALUES(VALUE(O_WRONLY), VALUE(O_RDWR), VALUE(O_WRONLY | O_RDWR),
			  VALUE(O_WRONLY | O_CREAT), VALUE(O_RDONLY | O_CREAT),
			  VALUE(O_WRONLY | O_CREAT | O_EXCL), VALUE(O_WRONLY | O_CREAT | O_TRUNC),
			  VALUE(O_WRONLY | O_CREAT | O_NOFOLLOW), VALUE(O_RDONLY | O_TRUNC),
			  VALUE(O_CREAT | O_DIRECTORY), VALUE(O_PATH | O_CREAT | O_EXCL),
			  VALUE(O_PATH | O_NOFOLLOW), VALUE(O_PATH | O_NOFOLLOW | O_DIRECTORY),
			  VALUE(O_WRONLY | O_TMPFILE), VALUE(O_RDWR | O_TMPFILE | O_EXCL),
			  VALUE(O_RDONLY | O_TMPFILE), VALUE(O_WRONLY | O_TMPFILE | O_CREAT),
			  VALUE(O_RDONLY | O_EXCL), VALUE(O_DIRECTORY | O_NOFOLLOW),
			  VALUE(O_WRONLY | O_DIRECTORY), VALUE(-1), VALUE(0x80000000)),
		   VALUES(VALUE(0), VALUE(0666), VALUE(07777))},
		  make_names, show_opened),
	    TABLE(creat, RESULT_DESCRIPTOR,
		  {VALUES(OWN_PATHS), VALUES(VALUE(0), VALUE(0666), VALUE(-1))}, make_names,
		  show_names),
	    TABLE(openat, RESULT_DESCRIPTOR,
		  {descriptors,
		   VALUES(VALUE("inside"), VALUE(""), VALUE("/dev/null"), VALUE(".."), VALUE(NULL)),
		   VALUES(VALUE(O_RDONLY), VALUE(O_PATH), VALUE(O_DIRECTORY))},
		  make_descriptors, show_opened),
	};
	call_tables(tables, COUNT(tables));
}

static void call_making(void)
{
	const struct table tables[] = {
	    TABLE(mkdir, RESULT_NUMBER,
		  {VALUES(OWN_PATHS), VALUES(VALUE(0), VALUE(0777), VALUE(01777), VALUE(-1))},
		  make_names, show_names),
	    TABLE(mkdirat, RESULT_NUMBER,
		  {descriptors, VALUES(VALUE("new"), VALUE("")), ONLY(0755)}, make_descriptors),
	    TABLE(rmdir, RESULT_NUMBER, {VALUES(OWN_PATHS)}, make_names, show_names),
	    TABLE(unlink, RESULT_NUMBER, {VALUES(OWN_PATHS)}, make_names, show_names),
	    TABLE(unlinkat, RESULT_NUMBER, {HERE, FEW_PATHS, each_bit(0)}, make_names, show_names),
	    TABLE(unlinkat, RESULT_NUMBER,
		  {descriptors, ONLY("none"), VALUES(VALUE(0), VALUE(AT_REMOVEDIR))},
		  make_descriptors),
	    TABLE(symlink, RESULT_NUMBER,
		  {VALUES(VALUE("target"), VALUE(""), VALUE(long_name), VALUE(long_path)),
		   VALUES(OWN_PATHS)},
		  make_names, show_names),
	    TABLE(symlinkat, RESULT_NUMBER, {ONLY("target"), descriptors, ONLY("new")},
		  make_descriptors),
	    TABLE(link, RESULT_NUMBER, {VALUES(OWN_PATHS), VALUES(OWN_PATHS)}, make_names,
		  show_names),
	    TABLE(linkat, RESULT_NUMBER, {HERE, FEW_PATHS, HERE, ONLY("new"), each_bit(0)},
		  make_names, show_names),
	    TABLE(linkat, RESULT_NUMBER,
		  {descriptors, ONLY("inside"), HERE, ONLY("new"),
		   VALUES(VALUE(0), VALUE(AT_SYMLINK_FOLLOW))},
		  make_descriptors),
	    TABLE(rename, RESULT_NUMBER, {VALUES(OWN_PATHS), VALUES(OWN_PATHS)}, make_names,
		  show_names),
	    TABLE(renameat2, RESULT_NUMBER,
		  {HERE, FEW_PATHS, HERE, FEW_PATHS,
		   VALUES(VALUE(0), VALUE(RENAME_NOREPLACE), VALUE(RENAME_EXCHANGE),
			  VALUE(RENAME_NOREPLACE | RENAME_EXCHANGE))},
		  make_names, show_names),
	    TABLE(renameat2, RESULT_NUMBER, {HERE, ONLY("file"), HERE, ONLY("new"), each_bit(8)},
		  make_names),
	    TABLE(renameat, RESULT_NUMBER, {descriptors, ONLY("inside"), descriptors, ONLY("new")},
		  make_descriptors),
	};
	call_tables(tables, COUNT(tables));
}

static void call_asking(void)
{
	const struct value *const sizes =
	    VALUES(VALUE(0), VALUE(1), VALUE(4), VALUE(4096), VALUE(-1), VALUE(0x80000000));
	const struct value *const modes =
	    VALUES(VALUE(0), VALUE(1), VALUE(2), VALUE(4), VALUE(7), VALUE(8), VALUE(-1));
	const struct table tables[] = {
	    TABLE(readlink, RESULT_NUMBER, {PATHS, ONLY(buffer), sizes}, make_names, show_buffer),
	    TABLE(readlinkat, RESULT_NUMBER,
		  {descriptors, VALUES(VALUE(""), VALUE("inside")), ONLY(buffer),
		   VALUES(VALUE(0), VALUE(100))},
		  make_descriptors, show_buffer),
	    TABLE(chdir, RESULT_NUMBER, {PATHS}, make_names),
	    TABLE(getcwd, RESULT_ANY,
		  {ONLY(buffer), VALUES(VALUE(0), VALUE(1), VALUE(10), VALUE(4096), VALUE(-1))},
		  make_names),
	    TABLE(stat, RESULT_NUMBER, {PATHS, ONLY(&status)}, make_names, show_status),
	    TABLE(lstat, RESULT_NUMBER, {PATHS, ONLY(&status)}, make_names, show_status),
	    TABLE(newfstatat, RESULT_NUMBER, {HERE, FEW_PATHS, ONLY(&status), each_bit(0)},
		  make_names, show_status),
	    TABLE(statx, RESULT_NUMBER, {HERE, FEW_PATHS, each_bit(0), ONLY(0), ONLY(&extended)},
		  make_names),
	    TABLE(
		statx, RESULT_NUMBER,
		{HERE, ONLY("file"), VALUES(VALUE(0), VALUE(0x6000)), each_bit(0), ONLY(&extended)},
		make_names),
	    TABLE(statx, RESULT_NUMBER,
		  {descriptors, VALUES(VALUE(""), VALUE("inside")),
		   VALUES(VALUE(0), VALUE(AT_EMPTY_PATH)), ONLY(0), ONLY(&extended)},
		  make_descriptors),
	    TABLE(access, RESULT_NUMBER, {VALUES(OWN_PATHS), modes}, make_names),
	    TABLE(access, RESULT_NUMBER, {PATHS, VALUES(VALUE(0), VALUE(4))}, make_names),
	    TABLE(faccessat, RESULT_NUMBER,
		  {descriptors, VALUES(VALUE("inside"), VALUE("")), modes}, make_descriptors),
	    TABLE(faccessat2, RESULT_NUMBER, {HERE, FEW_PATHS, ONLY(0), each_bit(0)}, make_names),
	    TABLE(faccessat2, RESULT_NUMBER,
		  {descriptors, ONLY(""), VALUES(VALUE(0), VALUE(8)),
		   VALUES(VALUE(0), VALUE(AT_EMPTY_PATH))},
		  make_descriptors),
	    TABLE(statfs, RESULT_NUMBER, {VALUES(OWN_PATHS), ONLY(buffer)}, make_names),
	    TABLE(getxattr, RESULT_NUMBER,
		  {VALUES(VALUE("none"), VALUE("loop"), VALUE("")),
		   VALUES(VALUE("user.x"), VALUE(""), VALUE(long_name), VALUE(longest_name)),
		   ONLY(buffer), VALUES(VALUE(0), VALUE(-1))},
		  make_names),
	    TABLE(lgetxattr, RESULT_NUMBER, {ONLY("link"), ONLY("user.x"), ONLY(buffer), ONLY(100)},
		  make_names),
	    TABLE(setxattr, RESULT_NUMBER,
		  {VALUES(VALUE("none"), VALUE(NULL)),
		   VALUES(VALUE("user.x"), VALUE(""), VALUE(NULL)), ONLY(buffer),
		   VALUES(VALUE(0), VALUE(1), VALUE(65536), VALUE(65537), VALUE(-1)),
		   VALUES(VALUE(0), VALUE(1), VALUE(3), VALUE(4))},
		  make_names),
	    TABLE(lsetxattr, RESULT_NUMBER,
		  {ONLY("link"), ONLY("user.x"), ONLY(buffer), ONLY(1), ONLY(0)}, make_names),
	    TABLE(
		listxattr, RESULT_NUMBER,
		{VALUES(OWN_PATHS), VALUES(VALUE(buffer), VALUE(0)), VALUES(VALUE(0), VALUE(100))},
		make_names),
	    TABLE(llistxattr, RESULT_NUMBER, {VALUES(OWN_PATHS), ONLY(0), ONLY(0)}, make_names),
	    TABLE(removexattr, RESULT_NUMBER,
		  {VALUES(VALUE("none"), VALUE("")), VALUES(VALUE("user.x"), VALUE(""))},
		  make_names),
	    TABLE(lremovexattr, RESULT_NUMBER, {ONLY("link"), ONLY("user.x")}, make_names),
	};
	call_tables(tables, COUNT(tables));
}

static void call_changing(void)
{
	const struct value *const modes =
	    VALUES(VALUE(0), VALUE(0644), VALUE(07777), VALUE(0100000), VALUE(-1));
	const struct table tables[] = {
	    TABLE(truncate, RESULT_NUMBER,
		  {VALUES(OWN_PATHS),
		   VALUES(VALUE(0), VALUE(4), VALUE(20), VALUE(-1), VALUE(0x8000000000000000UL))},
		  make_names, show_names),
	    TABLE(chmod, RESULT_NUMBER, {VALUES(OWN_PATHS), ONLY(0700)}, make_names, show_names),
	    TABLE(chmod, RESULT_NUMBER, {ONLY("file"), modes}, make_names, show_names),
	    TABLE(fchmodat, RESULT_NUMBER,
		  {descriptors, VALUES(VALUE("inside"), VALUE("")), ONLY(0600)}, make_descriptors),
	    TABLE(chown, RESULT_NUMBER, {VALUES(OWN_PATHS), ONLY(-1), ONLY(-1)}, make_names),
	    TABLE(lchown, RESULT_NUMBER, {VALUES(OWN_PATHS), ONLY(-1), ONLY(-1)}, make_names),
	    TABLE(fchownat, RESULT_NUMBER, {HERE, FEW_PATHS, ONLY(-1), ONLY(-1), each_bit(0)},
		  make_names),
	    TABLE(utimensat, RESULT_NUMBER, {HERE, FEW_PATHS, ONLY(times[0]), each_bit(0)},
		  make_names, show_times),
	    TABLE(utimensat, RESULT_NUMBER,
		  {HERE, VALUES(VALUE("file"), VALUE("none"), VALUE(0)),
		   VALUES(VALUE(times[0]), VALUE(times[1]), VALUE(times[2]), VALUE(times[3]),
			  VALUE(times[4]), VALUE(times[5]), VALUE(times[6]), VALUE(0)),
		   VALUES(VALUE(0), VALUE(1))},
		  make_names, show_times),
	    TABLE(utime, RESULT_NUMBER, {VALUES(OWN_PATHS), VALUES(VALUE(0), VALUE(times[0]))},
		  make_names, show_times),
	    TABLE(umask, RESULT_ANY,
		  {VALUES(VALUE(0), VALUE(022), VALUE(07777), VALUE(-1), VALUE(022))}),
	    TABLE(mkdir, RESULT_NUMBER, {ONLY("new"), VALUES(VALUE(0), VALUE(07777))}, make_names,
		  show_names),
	};
	call_tables(tables, COUNT(tables));
	make_names();
	for (long mask = 0; mask <= 01777; mask += 0111)
		printf("umask(%#lo): %#o\n", mask, umask((mode_t)mask));
	umask(022);
}

int main(void)
{
	memset(long_name, 'n', NAME_MAX + 1);
	memset(longest_name, 'n', NAME_MAX);
	memset(long_path, 'p', PATH_MAX);
	for (int i = 100; i < PATH_MAX; i += 100)
		long_path[i] = '/';
	exceptions = own_exceptions;
	enter_folder();
	call_opening();
	call_making();
	call_asking();
	call_changing();
	leave_folder();
	return 0;
}
