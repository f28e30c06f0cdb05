/* What the programs arguments_*.c share: tables of calls with the values that each of their
 * arguments takes. Every combination is called and prints a line: the call, and its result or the
 * error's name. The host's lines are the truth; same_as_host.py compares. */
#ifndef MAYFLY_TESTS_ARGUMENTS_H
#define MAYFLY_TESTS_ARGUMENTS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGUMENTS 6
#define BITS	  32

/* One value of an argument. A list ends with an entry without text. */
struct value {
	const char *text;
	long value;
};

#define VALUE(value)                                                                               \
	{                                                                                          \
#value, (long)(value)                                                              \
	}
#define NAMED(text, value)                                                                         \
	{                                                                                          \
		text, (long)(value)                                                                \
	}
#define VALUES(...) ((const struct value[]){__VA_ARGS__, {NULL, 0}})
#define ONLY(value) VALUES(VALUE(value))

/* What is printed of a good result. */
enum outcome {
	RESULT_NUMBER,
	RESULT_ANY,	   /* that it was good */
	RESULT_DESCRIPTOR, /* the same; it is closed */
};

struct table {
	const char *name;
	long number;
	enum outcome outcome;
	const struct value *arguments[ARGUMENTS];
	void (*prepare)(void);	   /* before each call; or NULL */
	void (*show)(long result); /* prints what else came of a good call; or NULL */
};

#define TABLE(name, ...)                                                                           \
	{                                                                                          \
#name, SYS_##name, __VA_ARGS__                                                     \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One bit at a time, of an argument of 32 bits, together with bits that are always there. */
static inline const struct value *each_bit(long always)
{
	struct value *values = calloc(BITS + 2, sizeof(*values));
	char *texts = calloc(BITS + 1, 32);
	if (!values || !texts)
		exit(1);
	for (int bit = 0; bit <= BITS; bit++) {
		char *text = texts + 32L * bit;
		long flag = bit < BITS ? 1L << bit : 0;
		if (always)
			snprintf(text, 32, "%#lx|%#lx", always, flag);
		else
			snprintf(text, 32, "%#lx", flag);
		values[bit] = (struct value){text, always | flag};
	}
	return values;
}

/* Combinations of values that kernels of different versions answer differently: not asked. */
struct exception {
	const char *name;
	int argument;
	const char *text;
};

static const struct exception *exceptions;

static inline bool is_exception(const struct table *table,
				const struct value *const chosen[ARGUMENTS])
{
	for (const struct exception *known = exceptions; known->name; known++)
		if (!strcmp(known->name, table->name) && chosen[known->argument] &&
		    !strcmp(known->text, chosen[known->argument]->text))
			return true;
	return false;
}

static inline void call_once(const struct table *table, const struct value *const chosen[ARGUMENTS])
{
	long a[ARGUMENTS] = {0};
	if (is_exception(table, chosen))
		return;
	if (table->prepare)
		table->prepare();
	for (int i = 0; i < ARGUMENTS && chosen[i]; i++)
		a[i] = chosen[i]->value;
	errno = 0;
	long result = syscall(table->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	int error = errno;
	printf("%s(", table->name);
	for (int i = 0; i < ARGUMENTS && chosen[i]; i++)
		printf("%s%s", i ? ", " : "", chosen[i]->text);
	if (result == -1)
		printf("): %s", strerrorname_np(error));
	else if (table->outcome == RESULT_NUMBER)
		printf("): %ld", result);
	else
		printf("): good");
	if (result != -1 && table->show)
		table->show(result);
	printf("\n");
	if (result > STDERR_FILENO && table->outcome == RESULT_DESCRIPTOR)
		close((int)result);
}

static inline void call_from(const struct table *table, const struct value *chosen[ARGUMENTS],
			     int i)
{
	if (i == ARGUMENTS || !table->arguments[i]) {
		call_once(table, chosen);
		return;
	}
	for (const struct value *value = table->arguments[i]; value->text; value++) {
		chosen[i] = value;
		call_from(table, chosen, i + 1);
	}
	chosen[i] = NULL;
}

static inline void call_tables(const struct table *tables, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct value *chosen[ARGUMENTS] = {NULL};
		call_from(&tables[i], chosen, 0);
	}
}

/* ── a folder with one of each ──────────────────────────────────────────────────────────────── */

static char scratch[64];

static inline void expect(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static inline void write_file(const char *name, const char *text)
{
	int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	expect(file, name);
	expect(write(file, text, strlen(text)), name);
	close(file);
}

static inline void empty_folder(int folder)
{
	DIR *names = fdopendir(folder);
	const struct dirent *entry;
	while (names && (entry = readdir(names))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (!unlinkat(folder, entry->d_name, 0))
			continue;
		int below = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (below >= 0)
			empty_folder(below);
		unlinkat(folder, entry->d_name, AT_REMOVEDIR);
	}
	if (names)
		closedir(names);
}

/* The folder is the current one, and as it was before the first call. */
static inline void make_names(void)
{
	expect(chdir(scratch), scratch);
	empty_folder(open(".", O_RDONLY | O_DIRECTORY));
	umask(022);
	write_file("file", "0123456789");
	expect(mkdir("directory", 0755), "directory");
	write_file("directory/inside", "inside");
	expect(mkdir("empty", 0755), "empty");
	expect(symlink("file", "link"), "link");
	expect(symlink("directory", "folder-link"), "folder-link");
	expect(symlink("none", "dangling"), "dangling");
	expect(symlink("loop", "loop"), "loop");
}

/* In memory on the host, too: what file systems differ in is no question here. */
static inline void enter_folder(void)
{
	snprintf(scratch, sizeof(scratch), "/dev/shm/mayfly-arguments-XXXXXX");
	if (!mkdtemp(scratch)) {
		perror(scratch);
		exit(1);
	}
	make_names();
}

static inline void leave_folder(void)
{
	make_names();
	empty_folder(open(".", O_RDONLY | O_DIRECTORY));
	rmdir(scratch);
}

/* ── descriptors of each kind ───────────────────────────────────────────────────────────────── */

enum kind {
	FILE_BOTH = 20,
	FILE_READ,
	FILE_WRITE,
	FILE_APPEND,
	DIRECTORY,
	PIPE_READ,
	PIPE_WRITE,
	EVENTFD,
	EPOLL,
	NULL_DEVICE,
	ZERO_DEVICE,
	FULL_DEVICE,
	PROC_FILE,
	PATH_LINK,
	PATH_FILE,
	PATH_DIRECTORY,
	UNLINKED,
	CLOSED,
};

static const struct value descriptors[] = {
    VALUE(FILE_BOTH),  VALUE(FILE_READ),    VALUE(FILE_WRITE),	VALUE(FILE_APPEND),
    VALUE(DIRECTORY),  VALUE(PIPE_READ),    VALUE(PIPE_WRITE),	VALUE(EVENTFD),
    VALUE(EPOLL),      VALUE(NULL_DEVICE),  VALUE(ZERO_DEVICE), VALUE(FULL_DEVICE),
    VALUE(PROC_FILE),  VALUE(PATH_LINK),    VALUE(PATH_FILE),	VALUE(PATH_DIRECTORY),
    VALUE(UNLINKED),   VALUE(CLOSED),	    VALUE(-1),		VALUE(AT_FDCWD),
    VALUE(0x7fffffff), VALUE(0x80000000UL), {NULL, 0},
};

static inline void put(int descriptor, int kind)
{
	expect(descriptor, "a descriptor");
	expect(dup2(descriptor, kind), "dup2");
	close(descriptor);
}

/* Writes what the file has at first, if it has not. */
static inline void restore_contents(int file)
{
	static const char contents[] = "0123456789";
	char found[sizeof(contents)];
	if (pread(file, found, sizeof(found), 0) == 10 && !memcmp(found, contents, 10))
		return;
	expect(ftruncate(file, 0), "file");
	expect(pwrite(file, contents, 10, 0), "file");
}

/* All as new: positions, flags, contents. */
static inline void make_descriptors(void)
{
	static int unlinked;
	int ends[2];
	const uint64_t count = 5;
	expect(chdir(scratch), scratch);
	syscall(SYS_close_range, FILE_BOTH, ~0U, 0);
	put(open("file", O_RDWR), FILE_BOTH);
	restore_contents(FILE_BOTH);
	put(open("file", O_RDONLY), FILE_READ);
	put(open("file", O_WRONLY), FILE_WRITE);
	put(open("file", O_RDWR | O_APPEND), FILE_APPEND);
	put(open("directory", O_RDONLY), DIRECTORY);
	expect(pipe2(ends, O_NONBLOCK), "pipe2");
	expect(write(ends[1], "abc", 3), "pipe");
	put(ends[0], PIPE_READ);
	put(ends[1], PIPE_WRITE);
	put(eventfd(0, EFD_NONBLOCK), EVENTFD);
	expect(write(EVENTFD, &count, sizeof(count)), "eventfd");
	put(epoll_create1(0), EPOLL);
	put(open("/dev/null", O_RDWR), NULL_DEVICE);
	put(open("/dev/zero", O_RDWR), ZERO_DEVICE);
	put(open("/dev/full", O_RDWR), FULL_DEVICE);
	put(open("/proc/self/comm", O_RDONLY), PROC_FILE);
	put(open("link", O_PATH | O_NOFOLLOW), PATH_LINK);
	put(open("file", O_PATH), PATH_FILE);
	put(open("directory", O_PATH), PATH_DIRECTORY);
	if (!unlinked) {
		unlinked = open("unlinked", O_RDWR | O_CREAT, 0644);
		unlink("unlinked");
	}
	char name[32];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", unlinked);
	put(open(name, O_RDWR), UNLINKED);
	restore_contents(UNLINKED);
}

#endif
