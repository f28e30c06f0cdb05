/* The library's run directory; see rundir.h. */
#include "accel/state/rundir.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel/state/build.h"
#include "accel/state/state.h"
#include "util/file.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel/core.h"
#include "vaccel/error.h"

void rundir_choose(void)
{
	struct accel_state *state = &accel_state;
	state->rundir_length = 0;
	state->rundir[0] = 0;
	state->rundir_maker = 0;
	char base[PATH_MAX];
	struct error error = {0};
	if (accel_build.find_rundir(base, sizeof(base), &error)) {
		log_warn("no directory for files of resources: %s", error.text);
		return;
	}
	uint32_t random = 0;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint32_t)getpid();
	int length = snprintf(state->rundir, sizeof(state->rundir), "%s/%d-%08" PRIx32, base,
			      (int)getpid(), random);
	/* Room must be left for the names of sessions, resources and their files. */
	if (length < 0 || length > PATH_MAX - 2 * NAME_MAX) {
		log_warn("the name of the run directory below %s is too long", base);
		state->rundir[0] = 0;
		return;
	}
	state->rundir_length = (size_t)length;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	if (remove(path) && errno != ENOENT)
		log_warn("cannot remove %s: %s", path, strerror(errno));
	return 0;
}

static void remove_tree(const char *path)
{
	enum { DESCRIPTORS = 8 };
	nftw(path, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

void rundir_remove(void)
{
	/* A fork()ed child must not take away its parent's files. */
	if (accel_state.rundir_maker && accel_state.rundir_maker == getpid())
		remove_tree(accel_state.rundir);
	accel_state.rundir_maker = 0;
}

static int rundir_ensure(void)
{
	struct accel_state *state = &accel_state;
	if (!state->rundir_length)
		return VACCEL_ENOENT;
	lock_scoped(&state->rundir_lock);
	if (state->rundir_maker)
		return VACCEL_OK;
	struct error error = {0};
	if (file_make_directories(state->rundir, &error)) {
		log_error("no directory for files of resources: %s", error.text);
		return error.code;
	}
	state->rundir_maker = getpid();
	return VACCEL_OK;
}

/* By hand: snprintf() would be a fifth of the time that opening a session takes. */
void rundir_name(char *out, const char *kind, vaccel_id_t id)
{
	const struct accel_state *state = &accel_state;
	if (!state->rundir_length) {
		out[0] = 0;
		return;
	}
	char *next = mempcpy(out, state->rundir, state->rundir_length);
	*next++ = '/';
	next = stpcpy(next, kind);
	*next++ = '.';
	char digits[20];
	size_t count = 0;
	do {
		digits[count++] = (char)('0' + id % 10);
		id /= 10;
	} while (id > 0);
	while (count)
		*next++ = digits[--count];
	*next = 0;
}

int rundir_make(const char *path)
{
	int result = rundir_ensure();
	if (result)
		return result;
	if (mkdir(path, 0700) && errno != EEXIST) {
		result = errno;
		log_error("cannot make directory %s: %s", path, strerror(result));
	}
	return result;
}

void rundir_remove_below(const char *path)
{
	/* If the library's directory was never made, there is none below it. */
	if (accel_state.rundir_maker && *path && !access(path, F_OK))
		remove_tree(path);
}

const char *vaccel_rundir(void)
{
	if (!accel_state.initialized || rundir_ensure())
		return NULL;
	return accel_state.rundir;
}
