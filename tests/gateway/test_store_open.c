/* What the gateway's store refuses to open, and why; and what a full disk does. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"
#include "store_directory.h"
#include "util/cleanup.h"
#include "util/file.h"

#define USUAL STORE_NAMESPACE_USUAL

/* Opens it, which should fail like that. */
static void check_refused(const char *directory, int code, const char *part)
{
	struct store *store = NULL;
	struct error error = {0};
	CHECK_NUMBER(store_open(&store, directory, &error), -code);
	if (!CHECK(strstr(error.text, part)))
		fprintf(stderr, "  got: %s\n", error.text);
	CHECK(!strchr(error.text, '\n'));
	store_close(store);
}

static void check_opens(const char *directory)
{
	struct store *store = open_store(directory);
	store_close(store);
}

static mode_t mode_of(const char *directory, const char *name)
{
	char path[PATH_MAX + 64];
	struct stat status = {0};
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	CHECK_NUMBER(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static void test_modes(const char *directory)
{
	const mode_t mask = umask(0);
	struct store *store = open_store(directory);
	CHECK_NUMBER(mode_of(directory, ""), 0700);
	static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm", "key",
					    "lock"};
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		CHECK_NUMBER(mode_of(directory, names[i]), 0600);
	CHECK_NUMBER(mode_of(directory, "calls"), 0700);
	store_close(store);
	umask(mask);
}

/* Also within one process; and the sentence names it. */
static void test_second(const char *directory)
{
	char process[64];
	struct store *store = open_store(directory);
	snprintf(process, sizeof(process), "process %d has the state", getpid());
	check_refused(directory, EBUSY, process);
	const pid_t child = fork();
	if (!child) {
		check_refused(directory, EBUSY, process);
		_exit(check_status());
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && !status);
	store_close(store);
	check_opens(directory);
}

static void change(const char *directory, const char *sql)
{
	char path[PATH_MAX + 64];
	sqlite3 *database;
	snprintf(path, sizeof(path), "%s/state.db", directory);
	CHECK_NUMBER(sqlite3_open(path, &database), SQLITE_OK);
	CHECK_NUMBER(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

static void test_versions(const char *directory)
{
	change(directory, "PRAGMA user_version = 7");
	check_refused(directory, EPROTO, "is of version 7, and this program keeps version 1");
	change(directory, "PRAGMA user_version = 1; PRAGMA application_id = 1");
	check_refused(directory, EPROTO, "is not Mayfly's");
	change(directory, "PRAGMA application_id = 1297696332");
	check_opens(directory);
}

static void test_key(const char *directory)
{
	char path[PATH_MAX + 64];
	cleanup_free uint8_t *key = NULL, *value = NULL;
	size_t length;
	snprintf(path, sizeof(path), "%s/key", directory);
	struct store *store = open_store(directory);
	CHECK_NUMBER(store_secret_put(store, USUAL, "s", true, "value", 5, NULL), 0);
	CHECK_NUMBER(store_secret_put(store, USUAL, "t", true, "other", 5, NULL), 0);
	store_close(store);

	CHECK_NUMBER(chmod(path, 0640), 0);
	check_refused(directory, EPERM, "others may read");
	CHECK_NUMBER(chmod(path, 0600), 0);
	CHECK_NUMBER(file_read(path, 64, &key, &length, NULL), 0);
	CHECK_NUMBER(length, 32);
	CHECK_NUMBER(file_write(path, key, 31, NULL), 0);
	check_refused(directory, EBADMSG, "is no key");
	key[3] ^= 1;
	CHECK_NUMBER(file_write(path, key, 32, NULL), 0);
	check_refused(directory, EBADMSG, "is not the key by which the secrets were sealed");
	CHECK_NUMBER(unlink(path), 0);
	check_refused(directory, EBADMSG, "is missing");
	CHECK_NUMBER(access(path, F_OK), -1);
	key[3] ^= 1;
	const int file = open(path, O_WRONLY | O_CREAT, 0600);
	CHECK(write(file, key, 32) == 32);
	close(file);

	/* Whoever swaps what is sealed gets nothing. */
	change(directory,
	       "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 't')"
	       " WHERE name = 's'");
	store = open_store(directory);
	struct error error = {0};
	CHECK_NUMBER(store_secret_get(store, USUAL, "s", &value, &length, &error), -EBADMSG);
	CHECK_TEXT(error.text,
		   "cannot read secret \"s\": it was not sealed by this key, or was changed");
	CHECK_NUMBER(store_secret_get(store, USUAL, "t", &value, &length, &error), 0);
	CHECK_NUMBER(store_secret_remove(store, USUAL, "s", NULL), 0);
	CHECK_NUMBER(store_secret_remove(store, USUAL, "t", NULL), 0);
	store_close(store);
	/* Without secrets nothing hangs on the key. */
	CHECK_NUMBER(unlink(path), 0);
	check_opens(directory);
	CHECK_NUMBER(mode_of(directory, "key"), 0600);
}

static void test_directory(const char *directory)
{
	char path[PATH_MAX + 64];
	CHECK_NUMBER(chmod(directory, 0770), 0);
	check_refused(directory, EPERM, "others may write in");
	CHECK_NUMBER(chmod(directory, 0700), 0);
	snprintf(path, sizeof(path), "%s/state.db", directory);
	check_refused(path, ENOTDIR, "state.db");
	/* No database at all. */
	char other[PATH_MAX + 32];
	snprintf(other, sizeof(other), "%s/other", directory);
	CHECK_NUMBER(mkdir(other, 0700), 0);
	snprintf(path, sizeof(path), "%s/state.db", other);
	CHECK_NUMBER(file_write(path, "This is no database, but a text. It is long enough for it.",
				58, NULL),
		     0);
	check_refused(other, EBADMSG, "not a database");
}

/* ── no room ─────────────────────────────────────────────────────────────────────────────────── */

static int add_call(struct store *store, unsigned number, size_t length, struct error *error)
{
	char id[32];
	snprintf(id, sizeof(id), "call-%u", number);
	cleanup_free uint8_t *body = calloc(1, length);
	struct store_call call = {.id = id,
				  .name_space = (char *)USUAL,
				  .name = (char *)"f",
				  .body = body,
				  .body_length = length};
	return store_call_add(store, &call, error);
}

static int count_call(void *context, const struct store_call *call)
{
	(*(unsigned *)context)++;
	return 0;
}

/* Adds calls until that fails; how many are there. */
static unsigned fill(struct store *store)
{
	struct error error = {0};
	unsigned added = 0, there = 0;
	while (added < 1000 && !add_call(store, added, 50000, &error))
		added++;
	CHECK(added > 0 && added < 1000);
	CHECK(error.code && *error.text);
	const int result = add_call(store, 1000, 4 << 20, &error);
	CHECK(result == -EFBIG || result == -ENOSPC);
	/* Reading goes on, and what was said to be there is. */
	CHECK_NUMBER(store_each_call(store, STORE_CALL_WAITING, count_call, &there, NULL), 0);
	CHECK_NUMBER(there, added);
	return added;
}

/* Where there is room again, writing goes on, and nothing is lost. */
static void check_room(struct store *store, const char *directory, unsigned added)
{
	unsigned there = 0;
	CHECK_NUMBER(add_call(store, 2000, 50000, NULL), 0);
	CHECK_NUMBER(add_call(store, 2001, 4 << 20, NULL), 0);
	store_close(store);
	store = open_store(directory);
	CHECK_NUMBER(store_each_call(store, STORE_CALL_WAITING, count_call, &there, NULL), 0);
	CHECK_NUMBER(there, added + 2);
	store_close(store);
}

/* No file may be longer than 1 MiB. */
static void test_short_files(const char *directory)
{
	struct rlimit before, limit = {1 << 20, RLIM_INFINITY};
	struct store *store = open_store(directory);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_NUMBER(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit.rlim_max = before.rlim_max;
	CHECK_NUMBER(setrlimit(RLIMIT_FSIZE, &limit), 0);
	const unsigned added = fill(store);
	CHECK_NUMBER(setrlimit(RLIMIT_FSIZE, &before), 0);
	check_room(store, directory, added);
}

/* A file system of 3 MiB, where this process may make one: as root, in a mount namespace. */
static void test_full_disk(const char *directory)
{
	char state[PATH_MAX + 64];
	CHECK_NUMBER(mkdir(directory, 0700), 0);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("full", directory, "tmpfs", 0, "size=3m,mode=0700")) {
		fprintf(stderr, "no full disk: %s\n", strerror(errno));
		return;
	}
	snprintf(state, sizeof(state), "%s/state", directory);
	struct store *store = open_store(state);
	const unsigned added = fill(store);
	CHECK_NUMBER(mount(NULL, directory, NULL, MS_REMOUNT, "size=30m"), 0);
	check_room(store, state, added);
	CHECK_NUMBER(umount2(directory, MNT_DETACH), 0);
}

int main(void)
{
	char directory[PATH_MAX], state[PATH_MAX + 8], full[PATH_MAX + 8];
	make_directory(directory);
	snprintf(state, sizeof(state), "%s/state", directory);
	snprintf(full, sizeof(full), "%s/full", directory);
	test_modes(state);
	test_second(state);
	test_versions(state);
	test_key(state);
	test_directory(state);
	test_short_files(state);
	test_full_disk(full);
	remove_directory(directory);
	return check_status();
}
