/* Having mayfly-unpacker do something; see unpacker.h. */
#include "gateway/images/unpacker.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/paths.h"
#include "util/spawn.h"
#include "util/text.h"

#define UNPACKER_PART "gateway/unpacker/mayfly-unpacker" /* for paths_part() */
#define WORDS_MAX     32
#define ASK_NS	      100000000UL /* how often it is asked whether somebody waits */

bool unpacker_value(const char *answer, const char *name, char *value, size_t size)
{
	const size_t length = strlen(name);
	for (const char *line = answer; line && *line;) {
		const size_t end = strcspn(line, "\n");
		if (end > length && !strncmp(line, name, length) && line[length] == ' ') {
			const size_t found = end - length - 1;
			if (found >= size)
				return false;
			memcpy(value, line + length + 1, found);
			value[found] = 0;
			return true;
		}
		line += end + (line[end] == '\n');
	}
	return false;
}

/* ── how much there is ───────────────────────────────────────────────────────────────────────── */

/* The bytes of all files below a folder, as far as they can be looked at: it changes meanwhile. */
static uint64_t folder_size(const char *folder)
{
	char *paths[] = {(char *)folder, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	uint64_t size = 0;
	const FTSENT *entry;
	while (walk && (entry = fts_read(walk)) != NULL)
		if (entry->fts_info == FTS_F)
			size += (uint64_t)entry->fts_statp->st_size;
	if (walk)
		fts_close(walk);
	return size;
}

static int check_size(const struct unpacker *unpacker, struct error *error)
{
	if (!unpacker->folder || folder_size(unpacker->folder) <= unpacker->size_limit)
		return 0;
	return error_set(error, EFBIG, "it is larger than the %lu MiB that may be",
			 unpacker->size_limit >> 20);
}

/* ── the process ─────────────────────────────────────────────────────────────────────────────── */

struct running {
	struct spawn_process process;
	int answer, complaint; /* memory files */
};

static void running_release(struct running *running)
{
	spawn_kill(&running->process);
	if (running->answer >= 0)
		close(running->answer);
	if (running->complaint >= 0)
		close(running->complaint);
}

static int start(const struct unpacker *unpacker, struct running *running, struct error *error)
{
	char path[PATH_MAX], starter[32], size[32];
	const char *arguments[WORDS_MAX] = {path, starter, size};
	const int descriptors[] = {SPAWN_NULL, running->answer, running->complaint};
	size_t used = 3;
	for (const char *const *word = unpacker->words; *word; word++) {
		if (used == WORDS_MAX - 1)
			return error_set(error, E2BIG, "too many words for mayfly-unpacker");
		arguments[used++] = *word;
	}
	snprintf(starter, sizeof(starter), "%d", (int)getpid());
	snprintf(size, sizeof(size), "%" PRIu64, unpacker->size_limit);
	int result = paths_part(path, sizeof(path), UNPACKER_PART, error);
	if (result)
		return result;
	const struct spawn spawn = {
	    .program = path,
	    .arguments = arguments,
	    .descriptors = descriptors,
	    .descriptor_count = ARRAY_SIZE(descriptors),
	    .kind = SPAWN_SERVER_GROUP,
	};
	result = spawn_start(&spawn, &running->process);
	return result ? error_set_errno(error, -result, "cannot start %s", path) : 0;
}

static int wait_for_end(const struct unpacker *unpacker, struct running *running, int *status,
			struct error *error)
{
	const uint64_t end_ns = clock_now_ns() + unpacker->timeout_ns;
	for (;;) {
		const uint64_t ask_ns = clock_now_ns() + ASK_NS;
		int result =
		    spawn_wait(&running->process, ask_ns < end_ns ? ask_ns : end_ns, status);
		if (result && result != -ETIMEDOUT)
			return error_set_errno(error, -result, "cannot wait");
		if (unpacker->unwanted && unpacker->unwanted(unpacker->context))
			return error_set(error, ECANCELED, "nobody wants it any more");
		if (!result)
			return 0;
		if (clock_now_ns() >= end_ns)
			return error_set(error, ETIMEDOUT, "it took longer than %lu.%lu s",
					 unpacker->timeout_ns / 1000000000,
					 unpacker->timeout_ns / 100000000 % 10);
		result = check_size(unpacker, error);
		if (result)
			return result;
	}
}

/* All of a memory file, with a NUL behind it. */
static int read_all(int file, char **text, struct error *error)
{
	struct stat status;
	if (fstat(file, &status))
		return error_set_errno(error, errno, "cannot read an answer");
	const size_t size = (uint64_t)status.st_size > UNPACKER_ANSWER_MAX ? UNPACKER_ANSWER_MAX
									   : (size_t)status.st_size;
	*text = calloc(1, size + 1);
	if (!*text)
		return error_set(error, ENOMEM, "no memory for an answer");
	ssize_t got = pread(file, *text, size, 0);
	return got < 0 ? error_set_errno(error, errno, "cannot read an answer") : 0;
}

/* What it said is wrong: its last line, which is where programs say so. */
static int complain(const struct running *running, int status, struct error *error)
{
	cleanup_free char *text = NULL;
	int result = read_all(running->complaint, &text, error);
	if (result || !text)
		return result;
	size_t length = strlen(text);
	while (length && text[length - 1] == '\n')
		text[--length] = 0;
	text_make_line(text, length);
	const int code = WIFEXITED(status) ? WEXITSTATUS(status) : EINVAL;
	const bool shortage = code == ENOMEM || code == ENOSPC || code == EIO || code == EDQUOT;
	if (WIFSIGNALED(status))
		return error_set(error, EINVAL,
				 "it took too much time or memory, or is damaged (%s)",
				 strsignal(WTERMSIG(status)));
	if (code == EFBIG && !length)
		return error_set(error, EINVAL, "it is too large");
	return error_set(error, shortage ? code : EINVAL, "%s", length ? text : "it is damaged");
}

int unpacker_run(const struct unpacker *unpacker, char **answer, struct error *error)
{
	int status = 0;
	cleanup(running_release) struct running running = {
	    .process = SPAWN_PROCESS_NONE,
	    .answer = memfd_create("mayfly-answer", MFD_CLOEXEC),
	    .complaint = memfd_create("mayfly-complaint", MFD_CLOEXEC),
	};
	if (answer)
		*answer = NULL;
	if (running.answer < 0 || running.complaint < 0)
		return error_set_errno(error, errno, "no memory for an answer");
	int result = start(unpacker, &running, error);
	if (!result)
		result = wait_for_end(unpacker, &running, &status, error);
	if (result)
		return result;
	if (status)
		return complain(&running, status, error);
	result = check_size(unpacker, error);
	if (result)
		return result;
	return answer ? read_all(running.answer, answer, error) : 0;
}
