/* Opening the store: its directory, the lock that keeps a second daemon out, tables, and the key. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "store/inside.h"
#include "util/file.h"
#include "util/trust.h"

#define DATABASE_FILE "state.db"
#define LOCK_FILE     "lock"
#define KEY_FILE      "key"

uint64_t store_now_s(void)
{
	return (uint64_t)time(NULL);
}

static int path_below(const struct store *store, const char *name, char path[PATH_MAX],
		      struct error *error)
{
	const int length = snprintf(path, PATH_MAX, "%s/%s", store->directory, name);
	return length >= PATH_MAX
		   ? error_set(error, ENAMETOOLONG, "%s is too long a path", store->directory)
		   : 0;
}

/* ── the directory and its lock ──────────────────────────────────────────────────────────────── */

static int open_directory(struct store *store, struct error *error)
{
	const char *directory = store->directory;
	struct stat status;
	int result = file_make_directories(directory, error);
	if (result)
		return result;
	store->directory_file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->directory_file < 0 || fstat(store->directory_file, &status))
		return error_set_errno(error, errno, "cannot open %s", directory);
	if (status.st_uid != geteuid())
		return error_set(error, EPERM, "%s belongs to user %u: state is its own user's",
				 directory, status.st_uid);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(error, EPERM, "others may write in %s: chmod 700 it", directory);
	return trust_path(directory, error);
}

/* Says who has it. */
static int lock_refused(const struct store *store, struct error *error)
{
	char pid[32] = "";
	const ssize_t length = pread(store->lock_file, pid, sizeof(pid) - 1, 0);
	pid[length > 0 ? length : 0] = 0;
	pid[strspn(pid, "0123456789")] = 0;
	return error_set(
	    error, EBUSY,
	    "process %s has the state in %s: stop that daemon, or name another directory",
	    *pid ? pid : "(unknown)", store->directory);
}

static int take_lock(struct store *store, struct error *error)
{
	store->lock_file = openat(store->directory_file, LOCK_FILE,
				  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock_file < 0)
		return error_set_errno(error, errno, "cannot open %s/%s", store->directory,
				       LOCK_FILE);
	if (flock(store->lock_file, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK
			   ? lock_refused(store, error)
			   : error_set_errno(error, errno, "cannot lock %s", store->directory);
	char pid[32];
	const int length = snprintf(pid, sizeof(pid), "%d\n", getpid());
	/* Only for the sentence above. */
	if (ftruncate(store->lock_file, 0) ||
	    pwrite(store->lock_file, pid, (size_t)length, 0) != length)
		return 0;
	return 0;
}

/* ── the database ────────────────────────────────────────────────────────────────────────────── */

static int open_database(struct store *store, struct error *error)
{
	char path[PATH_MAX];
	int result = path_below(store, DATABASE_FILE, path, error);
	if (result)
		return result;
	/* SQLite gives the files beside it the mode of this one. */
	cleanup_close int file =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (file < 0 || fchmod(file, 0600))
		return error_set_errno(error, errno, "cannot open %s", path);
	result = database_open(&store->writer, path, true, error);
	if (!result)
		result = store_schema_open(&store->writer, store->directory, error);
	if (!result)
		result = database_open(&store->reader, path, false, error);
	return result;
}

/* ── the key ─────────────────────────────────────────────────────────────────────────────────── */

/* A text sealed by the key lies in the database, so that another key is noticed at once. */
static const struct seal_names key_check_names = {"", "check"};
#define KEY_CHECK_TEXT "mayfly"
#define KEY_CHECK_SIZE (sizeof(KEY_CHECK_TEXT) + SEAL_MORE)

static int has_secrets(struct database *database, bool *there, struct error *error)
{
	static const char sql[] = "SELECT 1 FROM secrets LIMIT 1";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	const int row = statement ? statement_step(statement, error) : -error->code;
	*there = row > 0;
	return row < 0 ? row : 0;
}

/* Whether it is the key that the text was sealed by. */
static bool is_same_key(struct database *database, const struct seal_key *key)
{
	static const char sql[] = "SELECT value FROM settings WHERE name = 'key check'";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, NULL);
	if (!statement || statement_step(statement, NULL) != 1 ||
	    sqlite3_column_bytes(statement, 0) != KEY_CHECK_SIZE)
		return false;
	uint8_t text[sizeof(KEY_CHECK_TEXT)];
	return !seal_open(key, key_check_names, sqlite3_column_blob(statement, 0), KEY_CHECK_SIZE,
			  text, NULL);
}

static int keep_check(struct database *database, void *context, struct error *error)
{
	static const char sql[] =
	    "INSERT OR REPLACE INTO settings (name, value) VALUES ('key check', ?)";
	const struct store *store = context;
	uint8_t sealed[KEY_CHECK_SIZE];
	int result = seal_close(store->key, key_check_names, KEY_CHECK_TEXT, sizeof(KEY_CHECK_TEXT),
				sealed, error);
	if (result)
		return result;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_bytes(statement, 1, sealed, sizeof(sealed));
	return statement_step(statement, error);
}

static int make_key(struct store *store, const char *path, struct error *error)
{
	int result = seal_key_make(&store->key, path, error);
	/* So that the name is on disk, too. */
	if (!result && fsync(store->directory_file))
		result = error_set_errno(error, errno, "cannot keep %s", path);
	return result;
}

int store_key_open(struct store *store, struct error *error)
{
	char path[PATH_MAX];
	bool secrets = false;
	struct error failure = {0};
	int result = path_below(store, KEY_FILE, path, error);
	if (!result)
		result = has_secrets(&store->writer, &secrets, &failure);
	if (!result)
		result = seal_key_read(&store->key, path, &failure);
	if (result == -ENOENT && secrets)
		return error_set(error, EBADMSG,
				 "%s is missing, and the secrets cannot be read without it: put it "
				 "back",
				 path);
	if (result == -ENOENT)
		result = make_key(store, path, &failure);
	if (!result && is_same_key(&store->writer, store->key))
		return 0;
	if (!result && secrets)
		return error_set(error, EBADMSG,
				 "%s is not the key by which the secrets were sealed: put that one "
				 "back",
				 path);
	if (!result)
		result = store_commit(store, keep_check, store, &failure);
	if (result)
		error_set(error, -result, "%s", failure.text);
	return result;
}

/* ── all of it ───────────────────────────────────────────────────────────────────────────────── */

static int open_all(struct store *store, struct error *error)
{
	int result = open_directory(store, error);
	if (!result)
		result = take_lock(store, error);
	if (!result)
		result = open_database(store, error);
	if (!result)
		result = store_key_open(store, error);
	if (!result)
		result = store_calls_open(store, error);
	return result;
}

int store_open(struct store **opened, const char *directory, struct error *error)
{
	struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return error_set(error, ENOMEM, "no memory for the store");
	store->directory_file = store->lock_file = store->calls_directory = -1;
	store->last = &store->first;
	pthread_mutex_init(&store->read_lock, NULL);
	pthread_mutex_init(&store->commit_lock, NULL);
	pthread_mutex_init(&store->take_lock, NULL);
	store->directory = strdup(directory);
	int result = store->directory ? open_all(store, error)
				      : error_set(error, ENOMEM, "no memory for the store");
	if (result)
		store_close(store);
	else
		*opened = store;
	return result;
}

void store_keep_free(struct store *store, uint64_t bytes)
{
	store->keep_free = bytes;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	database_close(&store->reader);
	database_close(&store->writer);
	seal_key_free(store->key);
	pthread_mutex_destroy(&store->take_lock);
	pthread_mutex_destroy(&store->commit_lock);
	pthread_mutex_destroy(&store->read_lock);
	if (store->calls_directory >= 0)
		close(store->calls_directory);
	if (store->lock_file >= 0)
		close(store->lock_file);
	if (store->directory_file >= 0)
		close(store->directory_file);
	free(store->directory);
	free(store);
}

int store_read(struct store *store, store_work *work, void *context, struct error *error)
{
	lock_scoped(&store->read_lock);
	int result = database_execute(&store->reader, "BEGIN", error);
	if (result)
		return result;
	result = work(&store->reader, context, error);
	const int ended = database_execute(&store->reader, "COMMIT", result ? NULL : error);
	return result ? result : ended;
}
