#include "store/call_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "util/file.h"
#include "util/hex.h"

#define DIRECTORY "calls"

static int name_file(char name[CALL_FILE_NAME], struct error *error)
{
	uint8_t number[CALL_FILE_NAME / 2];
	if (getrandom(number, sizeof(number), 0) != sizeof(number))
		return error_set_errno(error, errno, "no random numbers for the name of a file");
	hex_print(name, number, sizeof(number));
	return 0;
}

int call_file_write(struct store *store, const void *data, size_t length, char name[CALL_FILE_NAME],
		    struct error *error)
{
	int result = name_file(name, error);
	if (result)
		return result;
	cleanup_close int file =
	    openat(store->calls_directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return error_set_errno(error, errno, "cannot make a file for the body of a call");
	result = file_write_all(file, data, length);
	if (!result && (fdatasync(file) || fsync(store->calls_directory)))
		result = -errno;
	if (!result)
		return 0;
	call_file_remove(store, name);
	return error_set_errno(error, -result, "cannot keep the body of a call");
}

int call_file_read(struct store *store, const char *name, uint8_t **data, size_t *length,
		   struct error *error)
{
	struct stat status;
	cleanup_close int file =
	    openat(store->calls_directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0 || fstat(file, &status))
		return error_set_errno(error, errno, "cannot open the body of a call");
	cleanup_free uint8_t *bytes = malloc((size_t)status.st_size + 1);
	if (!bytes)
		return error_set(error, ENOMEM, "no memory for the body of a call");
	const ssize_t got = file_read_full(file, bytes, (size_t)status.st_size);
	if (got != status.st_size)
		return error_set_errno(error, got < 0 ? (int)-got : EIO,
				       "cannot read the body of a call");
	bytes[got] = 0;
	*data = take_pointer(bytes);
	*length = (size_t)got;
	return 0;
}

void call_file_remove(struct store *store, const char *name)
{
	if (name && *name)
		unlinkat(store->calls_directory, name, 0);
}

/* ── at the start ────────────────────────────────────────────────────────────────────────────── */

struct search {
	const char *name;
	bool found;
};

static int find_file(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "SELECT 1 FROM call_parts WHERE file = ?";
	struct search *search = context;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, search->name);
	const int result = statement_step(statement, error);
	search->found = result == 1;
	return result < 0 ? result : 0;
}

int call_files_open(struct store *store, struct error *error)
{
	if (mkdirat(store->directory_file, DIRECTORY, 0700) && errno != EEXIST)
		return error_set_errno(error, errno, "cannot make %s/" DIRECTORY, store->directory);
	store->calls_directory = openat(store->directory_file, DIRECTORY,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (store->calls_directory < 0)
		return error_set_errno(error, errno, "cannot open %s/" DIRECTORY, store->directory);
	const int copy = openat(store->calls_directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory || fsync(store->directory_file))
		return error_set_errno(error, errno, "cannot open %s/" DIRECTORY, store->directory);
	const struct dirent *entry;
	int result = 0;
	while (!result && (entry = readdir(directory))) {
		struct search search = {.name = entry->d_name};
		if (strlen(entry->d_name) != CALL_FILE_NAME - 1)
			continue;
		result = store_read(store, find_file, &search, error);
		if (!result && !search.found)
			call_file_remove(store, entry->d_name);
	}
	return result;
}

/* ── lists ───────────────────────────────────────────────────────────────────────────────────── */

int call_file_list_add(struct call_file_list **list, const char *name)
{
	struct call_file_list *item = malloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->next = *list;
	snprintf(item->name, sizeof(item->name), "%s", name);
	*list = item;
	return 0;
}

void call_file_list_end(struct store *store, struct call_file_list *list, bool remove)
{
	while (list) {
		struct call_file_list *item = list;
		list = list->next;
		if (remove)
			call_file_remove(store, item->name);
		free(item);
	}
}
