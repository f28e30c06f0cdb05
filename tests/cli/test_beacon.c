/* Beacons of gateways: seen while their process lives, whatever ends it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beacon/beacon.h"
#include "check.h"

static const struct beacon_text shown = {
    .address = "127.0.0.1",
    .port = 8080,
    .state = "/var/state of mine",
    .user = "admin",
    .password_file = "/var/state of mine/password",
};

struct seen {
	size_t count;
	pid_t process;
};

static int see(void *context, const struct beacon_text *text, pid_t process)
{
	struct seen *seen = context;
	seen->count++;
	seen->process = process;
	CHECK_TEXT(text->address, shown.address);
	CHECK_NUMBER(text->port, shown.port);
	CHECK_TEXT(text->state, shown.state);
	CHECK_TEXT(text->user, shown.user);
	CHECK_TEXT(text->password_file, shown.password_file);
	CHECK(!text->secure);
	return 0;
}

static struct seen look(void)
{
	struct seen seen = {0};
	struct error error;
	CHECK_NUMBER(beacon_each(see, &seen, &error), 0);
	return seen;
}

/* A process that serves until it is killed, or until `orders` is closed. */
static pid_t serve(int orders[2], bool tidy)
{
	int lit[2];
	char byte = 0;
	if (!CHECK(!pipe(lit)) || !CHECK(!pipe(orders)))
		exit(check_status());
	pid_t child = fork();
	if (!child) {
		struct beacon beacon;
		close(orders[1]);
		byte = beacon_light(&beacon, &shown, NULL) ? 'n' : 'y';
		/* A child of the gateway that lives longer has nothing of its lock. */
		if (write(lit[1], &byte, 1) != 1 || read(orders[0], &byte, 1) != 0)
			_exit(1);
		if (tidy)
			beacon_put_out(&beacon);
		_exit(0);
	}
	close(orders[0]);
	close(lit[1]);
	CHECK(read(lit[0], &byte, 1) == 1 && byte == 'y');
	close(lit[0]);
	return child;
}

static void check_life(bool tidy, bool killed, const char *path)
{
	int orders[2];
	pid_t child = serve(orders, tidy);
	struct beacon second;
	struct seen seen = look();
	CHECK_NUMBER(seen.count, 1);
	CHECK_NUMBER(seen.process, child);
	CHECK(beacon_light(&second, &shown, NULL) < 0);
	if (killed)
		kill(child, SIGKILL);
	close(orders[1]);
	CHECK_NUMBER(waitpid(child, NULL, 0), child);
	CHECK_NUMBER(look().count, 0);
	CHECK_NUMBER(!access(path, F_OK), killed || !tidy);
}

static void check_junk(const char *path)
{
	struct beacon beacon;
	FILE *file = fopen(path, "w");
	CHECK(file && fputs("junk", file) >= 0 && !fclose(file));
	CHECK_NUMBER(look().count, 0);
	/* What was left is overwritten. */
	CHECK_NUMBER(beacon_light(&beacon, &shown, NULL), 0);
	beacon_put_out(&beacon);
	beacon_put_out(&beacon);
}

int main(void)
{
	char home[] = "/tmp/mayfly-beacon-XXXXXX", path[128], folder[64];
	if (!CHECK(mkdtemp(home) != NULL))
		return check_status();
	setenv("XDG_RUNTIME_DIR", home, 1);
	snprintf(folder, sizeof(folder), "%s/mayfly", home);
	snprintf(path, sizeof(path), "%s/gateway-127.0.0.1:8080", folder);
	CHECK_NUMBER(look().count, 0);
	check_life(true, false, path);
	check_life(false, false, path);
	check_life(true, true, path);
	check_junk(path);
	CHECK(!rmdir(folder) && !rmdir(home));
	return check_status();
}
