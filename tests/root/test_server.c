/* The server of a root directory, as a process: it answers, shows nothing outside of its directory,
 * ends with its client, and is replaced where it was lost. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "root_server/client.h"
#include "root_server/wire.h"
#include "sizes/sizes.h"
#include "tests/root/tree.h"
#include "util/clock.h"

static uint8_t extra[ROOT_WIRE_EXTRA_MAX];
static struct root_answer answer;

/* Asks; the errno of whichever failed. */
static int ask(struct root_client *client, uint32_t operation, const char *path, uint64_t offset,
	       uint64_t length)
{
	struct error error = {0};
	struct root_request request = {.operation = operation, .offset = offset, .length = length};
	int result =
	    root_client_ask(client, &request, path, clock_now_ns() + 5 * NANOSECONDS_PER_SECOND,
			    &answer, extra, &error);
	return result ? result : answer.error;
}

static int look(struct root_client *client, const char *path)
{
	return ask(client, ROOT_LOOK, path, 0, 0);
}

static void test_looking(struct root_client *client)
{
	CHECK_NUMBER(look(client, ""), 0);
	CHECK(S_ISDIR(answer.status.mode));
	CHECK_NUMBER(look(client, "etc/motd"), 0);
	CHECK_NUMBER(answer.status.size, 8);
	CHECK_NUMBER(answer.status.links, 2);
	CHECK_NUMBER(look(client, "bin"), 0);
	CHECK(S_ISLNK(answer.status.mode));
	CHECK_NUMBER(answer.length, 8);
	CHECK_NUMBER(memcmp(extra, "/usr/bin", 8), 0);
	CHECK_NUMBER(look(client, "none"), -ENOENT);
	CHECK_NUMBER(look(client, "etc/motd/x"), -ENOTDIR);
	CHECK_NUMBER(look(client, "socket"), -ENOENT); /* is not served */
	CHECK_NUMBER(look(client, "pipe"), -ENOENT);
}

static void test_reading(struct root_client *client)
{
	CHECK_NUMBER(ask(client, ROOT_READ, "etc/motd", 0, 100), 0);
	CHECK_NUMBER(answer.length, 8);
	CHECK_NUMBER(memcmp(extra, "welcome\n", 8), 0);
	CHECK_NUMBER(ask(client, ROOT_READ, "etc/motd", 3, 2), 0);
	CHECK_NUMBER(answer.length, 2);
	CHECK_NUMBER(ask(client, ROOT_READ, "etc/motd", 8, 1), 0);
	CHECK_NUMBER(answer.length, 0);
	CHECK_NUMBER(ask(client, ROOT_READ, "sparse", 5UL << 30, 10), 0);
	CHECK_NUMBER(answer.length, 4);
	CHECK_NUMBER(memcmp(extra, "tail", 4), 0);
	CHECK_NUMBER(ask(client, ROOT_READ, "etc", 0, 1), -ESTALE);
	CHECK_NUMBER(ask(client, ROOT_READ, "bin", 0, 1), -ESTALE);
	CHECK_NUMBER(ask(client, ROOT_READ, "pipe", 0, 1), -ENOENT); /* and does not wait */
	CHECK_NUMBER(ask(client, ROOT_LIST, "etc/motd", 0, 0), -ENOTDIR);
}

/* What comes with a name is what a look would say; a link says nothing of itself. */
static void test_listing(struct root_client *client, const char *folder, unsigned count)
{
	static uint8_t entries[ROOT_WIRE_ENTRIES_MAX];
	unsigned listed_count = 0;
	CHECK_NUMBER(ask(client, ROOT_LIST, folder, 0, 0), 0);
	CHECK_NUMBER(answer.next, 0);
	uint32_t length = answer.length;
	memcpy(entries, extra, length);
	for (uint32_t at = 0; at < length; listed_count++) {
		struct root_listed listed;
		char path[2 * NAME_MAX + 2];
		memcpy(&listed, entries + at, sizeof(listed));
		snprintf(path, sizeof(path), "%s%s%.*s", folder, *folder ? "/" : "", listed.length,
			 (const char *)entries + at + sizeof(listed));
		at += (uint32_t)root_listed_size(listed.length);
		CHECK_NUMBER(look(client, path), 0);
		CHECK_NUMBER(listed.type, IFTODT(answer.status.mode));
		CHECK_NUMBER(listed.status.inode, answer.status.inode);
		if (S_ISLNK(answer.status.mode))
			CHECK_NUMBER(listed.status.mode, 0);
		else if (!CHECK(!memcmp(&listed.status, &answer.status, sizeof(answer.status))))
			fprintf(stderr, "  path: %s\n", path);
	}
	CHECK_NUMBER(listed_count, count);
}

/* Ways out of the directory, which no library OS would try. */
static void test_prison(struct root_client *client)
{
	static const char *const paths[] = {"..",	 "../etc",    "etc/../../etc", "/etc",
					    "etc//motd", "etc/",      "./etc",	       "etc/.",
					    "/",	 "out/hosts", "up-and-out",    "absolute"};
	static const int answers[] = {-EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
				      -EINVAL, -EINVAL, -EINVAL, -ENOENT, 0,	   0};
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (!CHECK_NUMBER(look(client, paths[i]), answers[i]))
			fprintf(stderr, "  path: %s\n", paths[i]);
	/* Links are there as links only; what they name is not read. */
	CHECK_NUMBER(ask(client, ROOT_READ, "absolute", 0, 10), -ESTALE);
	CHECK_NUMBER(ask(client, ROOT_READ, "up-and-out", 0, 10), -ESTALE);
	char path[ROOT_WIRE_PATH_MAX + 2];
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = 0;
	CHECK_NUMBER(look(client, path), -ENAMETOOLONG);
	path[NAME_MAX + 1] = 0;
	CHECK_NUMBER(look(client, path), -ENAMETOOLONG);
	path[NAME_MAX] = 0;
	CHECK_NUMBER(look(client, path), -ENOENT);
}

/* Waits until the process has ended; false where it does not. */
static bool has_ended(pid_t process)
{
	for (int i = 0; i < 2000; i++) {
		if (kill(process, 0))
			return true;
		usleep(1000);
	}
	return false;
}

struct asker {
	struct root_client *client;
	atomic_int thread;
	atomic_bool done;
	int result;
};

static void *ask_patiently(void *context)
{
	struct asker *asker = context;
	static uint8_t target[ROOT_WIRE_PATH_MAX];
	struct root_request request = {.operation = ROOT_LOOK};
	struct root_answer got;
	struct error error = {0};
	atomic_store(&asker->thread, gettid());
	asker->result =
	    root_client_ask(asker->client, &request, "etc",
			    clock_now_ns() + 20 * NANOSECONDS_PER_SECOND, &got, target, &error);
	atomic_store(&asker->done, true);
	return NULL;
}

static bool sleeps(int thread)
{
	char path[64], state = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	FILE *file = thread ? fopen(path, "re") : NULL;
	if (!file)
		return false;
	const bool known = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
	fclose(file);
	return known && state == 'S';
}

/* Who has less time than the one that is served does not wait for that, and takes nothing from it. */
static void test_two(struct root_client *client)
{
	struct asker asker = {.client = client};
	struct root_request request = {.operation = ROOT_LOOK};
	struct error error = {0};
	pthread_t thread;
	pid_t server = root_client_process(client);
	if (!CHECK(server > 0) || !CHECK_NUMBER(kill(server, SIGSTOP), 0))
		return;
	CHECK_NUMBER(pthread_create(&thread, NULL, ask_patiently, &asker), 0);
	while (!sleeps(atomic_load(&asker.thread))) /* which it does for an answer */
		sched_yield();
	CHECK_NUMBER(root_client_ask(client, &request, "etc", clock_now_ns() + 20000000, &answer,
				     extra, &error),
		     -ETIMEDOUT);
	CHECK_NUMBER(root_client_revive(client, clock_now_ns() + 20000000, &error), -ETIMEDOUT);
	CHECK(!atomic_load(&asker.done));
	CHECK_NUMBER(kill(server, SIGCONT), 0);
	pthread_join(thread, NULL);
	CHECK_NUMBER(asker.result, 0);
	CHECK_NUMBER(look(client, "etc"), 0);
}

static void test_loss(struct root_client *client)
{
	struct error error = {0};
	struct root_request request = {.operation = ROOT_LOOK};
	pid_t first = root_client_process(client);
	if (!CHECK(first > 0))
		return;
	CHECK_NUMBER(kill(first, SIGKILL), 0);
	CHECK_NUMBER(root_client_ask(client, &request, "etc",
				     clock_now_ns() + 5 * NANOSECONDS_PER_SECOND, &answer, extra,
				     &error),
		     -EIO);
	/* Its socket closes before the kernel tells how it ended. */
	CHECK(strstr(error.text, "killed by signal 9") || strstr(error.text, "did not answer") ||
	      strstr(error.text, "has ended"));
	CHECK_NUMBER(look(client, "etc"), -ENOTCONN);
	CHECK_NUMBER(
	    root_client_revive(client, clock_now_ns() + 5 * NANOSECONDS_PER_SECOND, &error), 0);
	CHECK(root_client_process(client) != first);
	CHECK_NUMBER(look(client, "etc"), 0);
	CHECK_NUMBER(
	    root_client_revive(client, clock_now_ns() + 5 * NANOSECONDS_PER_SECOND, &error), 0);
	/* One that hangs is given up in time. */
	pid_t second = root_client_process(client);
	CHECK_NUMBER(kill(second, SIGSTOP), 0);
	CHECK_NUMBER(root_client_ask(client, &request, "etc", clock_now_ns() + 20000000, &answer,
				     extra, &error),
		     -ETIMEDOUT);
	CHECK(has_ended(second));
	CHECK_NUMBER(
	    root_client_revive(client, clock_now_ns() + 5 * NANOSECONDS_PER_SECOND, &error), 0);
	CHECK_NUMBER(look(client, "etc"), 0);
}

/* However the client's process ends, the server does. */
static void test_end(const char *path)
{
	int channel[2];
	pid_t server = 0;
	CHECK_NUMBER(pipe(channel), 0);
	pid_t child = fork();
	if (!child) {
		struct root_client *client;
		struct error error = {0};
		if (root_client_open(&client, path, &error))
			_exit(1);
		server = root_client_process(client);
		if (write(channel[1], &server, sizeof(server)) != sizeof(server))
			_exit(1);
		for (;;)
			pause();
	}
	CHECK_NUMBER(read(channel[0], &server, sizeof(server)), sizeof(server));
	CHECK(server > 0 && !kill(server, 0));
	kill(child, SIGKILL);
	CHECK_NUMBER(waitpid(child, NULL, 0), child);
	/* It is nobody's child now: whoever reaps it may be slow, and a zombie is no process. */
	char status[64], line[256] = "";
	snprintf(status, sizeof(status), "/proc/%d/stat", server);
	bool gone = false;
	for (int i = 0; i < 2000 && !gone; i++) {
		FILE *file = fopen(status, "re");
		gone = !file || !fgets(line, sizeof(line), file) || strstr(line, ") Z ");
		if (file)
			fclose(file);
		usleep(1000);
	}
	CHECK(gone);
	close(channel[0]);
	close(channel[1]);
}

/* Is the name in the listing of the folder? */
static bool is_listed(struct root_client *client, const char *folder, const char *name)
{
	CHECK_NUMBER(ask(client, ROOT_LIST, folder, 0, 0), 0);
	for (uint32_t at = 0; at < answer.length;) {
		struct root_listed listed;
		memcpy(&listed, extra + at, sizeof(listed));
		if (listed.length == strlen(name) &&
		    !memcmp(extra + at + sizeof(listed), name, listed.length))
			return true;
		at += (uint32_t)root_listed_size(listed.length);
	}
	return false;
}

/* The kernel's own file systems, as far as this kernel has them; an ordinary one is served. */
static void try_file_systems(const char *path)
{
	static const struct {
		const char *type;
		int answer;
	} systems[] = {
	    {"tmpfs", 0},	   {"proc", -ENOENT},
	    {"sysfs", -ENOENT},	   {"cgroup2", -ENOENT},
	    {"devpts", -ENOENT},   {"debugfs", -ENOENT},
	    {"tracefs", -ENOENT},  {"securityfs", -ENOENT},
	    {"bpf", -ENOENT},	   {"binfmt_misc", -ENOENT},
	    {"configfs", -ENOENT}, {"fusectl", -ENOENT},
	    {"mqueue", -ENOENT},   {"pstore", -ENOENT},
	    {"resctrl", -ENOENT},  {"rpc_pipefs", -ENOENT},
	    {"nfsd", -ENOENT},
	};
	char place[PATH_MAX + 16];
	snprintf(place, sizeof(place), "%s/var/lib", path);
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		struct root_client *client = NULL;
		struct error error = {0};
		if (mount("none", place, systems[i].type, 0, NULL))
			continue;
		if (CHECK_NUMBER(root_client_open(&client, path, &error), 0) &&
		    !(CHECK_NUMBER(look(client, "var/lib"), systems[i].answer) &&
		      CHECK(is_listed(client, "var", "lib") == !systems[i].answer)))
			fprintf(stderr, "  it is a %s\n", systems[i].type);
		root_client_close(client);
		CHECK(!umount2(place, MNT_DETACH));
	}
}

/* Single files that are mounted on others: of whatever kind is what one sees. What is listed can be
 * looked at, and the other way round. */
static void try_mounted_files(const char *path)
{
	static const struct {
		const char *from, *place;
		int answer;
	} files[] = {
	    {"/etc/passwd", "list/a", 0},     {"/etc/passwd", "pipe", 0},
	    {"/etc/passwd", "socket", 0},     {"/proc/uptime", "list/a", -ENOENT},
	    {"/dev/null", "list/a", -ENOENT},
	};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char place[PATH_MAX + 32], folder[32] = "";
		struct root_client *client = NULL;
		struct error error = {0};
		const char *name = strrchr(files[i].place, '/');
		if (name)
			snprintf(folder, sizeof(folder), "%.*s", (int)(name - files[i].place),
				 files[i].place);
		name = name ? name + 1 : files[i].place;
		snprintf(place, sizeof(place), "%s/%s", path, files[i].place);
		if (mount(files[i].from, place, NULL, MS_BIND, NULL))
			continue;
		if (CHECK_NUMBER(root_client_open(&client, path, &error), 0) &&
		    !(CHECK_NUMBER(look(client, files[i].place), files[i].answer) &&
		      CHECK(is_listed(client, folder, name) == !files[i].answer)))
			fprintf(stderr, "  %s on %s\n", files[i].from, files[i].place);
		root_client_close(client);
		CHECK(!umount2(place, MNT_DETACH));
	}
}

/* In a mount namespace of its own, which takes root. */
static void test_file_systems(const char *path)
{
	int status = -1;
	pid_t child = fork();
	if (!child) {
		unsigned failed = checks_failed;
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
			fprintf(stderr, "no file system can be mounted: %s\n", strerror(errno));
		else {
			try_file_systems(path);
			try_mounted_files(path);
		}
		_exit(checks_failed == failed ? 0 : 1);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child && !status);
}

static void add_odd_files(const char *path)
{
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_NUMBER(mkfifoat(folder, "pipe", 0600), 0);
	CHECK_NUMBER(mknodat(folder, "socket", S_IFSOCK | 0600, 0), 0);
	CHECK_NUMBER(symlinkat("/etc", folder, "out"), 0);
	CHECK_NUMBER(symlinkat("/etc/hosts", folder, "absolute"), 0);
	CHECK_NUMBER(symlinkat("../../../../../../etc/hosts", folder, "up-and-out"), 0);
	int sparse = openat(folder, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK_NUMBER(pwrite(sparse, "tail", 4, 5L << 30), 4);
	close(sparse);
	close(folder);
}

int main(void)
{
	char path[PATH_MAX];
	struct root_client *client = NULL;
	struct error error = {0};
	tree_make(path, sizeof(path));
	add_odd_files(path);
	if (CHECK_NUMBER(root_client_open(&client, path, &error), 0)) {
		test_looking(client);
		test_reading(client);
		test_listing(client, "", 13);
		test_listing(client, "list", 4);
		test_listing(client, "usr/bin", 2);
		test_prison(client);
		test_two(client);
		test_loss(client);
		pid_t server = root_client_process(client);
		root_client_close(client);
		CHECK(has_ended(server));
	} else {
		fprintf(stderr, "  %s\n", error.text);
	}
	test_end(path);
	test_file_systems(path);
	CHECK_NUMBER(root_client_open(&client, "/nowhere", &error), -ENOENT);
	CHECK_NUMBER(root_client_open(&client, "/etc/passwd", &error), -ENOTDIR);
	tree_remove(path);
	return check_status();
}
