/* The gateway's store is killed (SIGKILL) again and again while threads add and change calls: what it has
 * returned 0 for is there afterwards, and it opens at once.
 *
 * The child writes each call's number into a pipe when it is said to be safe. The parent reads for a
 * random time that is counted in such numbers, and kills.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "check.h"
#include "store_directory.h"
#include "util/file.h"

#define ROUNDS	  60
#define THREADS	  6
#define LARGE	  70000 /* in a file */
#define CALLS_MAX 100000

/* What the child says: a call is safe, or is done. */
struct note {
	unsigned number;
	unsigned done;
};

struct writer {
	struct store *store;
	int pipe;
	atomic_uint next;
};

static const uint8_t *body_of(unsigned number, size_t *length)
{
	static uint8_t zeros[LARGE];
	*length = number % 7 ? 100 + number % 1000 : LARGE;
	return zeros;
}

static void say(struct writer *writer, struct note note)
{
	/* So small a write to a pipe is whole. */
	if (write(writer->pipe, &note, sizeof(note)) != sizeof(note))
		_exit(1);
}

static void *write_calls(void *context)
{
	struct writer *writer = context;
	for (;;) {
		const unsigned number = writer->next++;
		char id[32];
		snprintf(id, sizeof(id), "call-%u", number);
		struct store_call call = {
		    .id = id, .name_space = (char *)STORE_NAMESPACE_USUAL, .name = (char *)"f"};
		call.body = (uint8_t *)body_of(number, &call.body_length);
		if (store_call_add(writer->store, &call, NULL))
			_exit(1);
		say(writer, (struct note){number, 0});
		if (number % 3)
			continue;
		call.state = STORE_CALL_DONE;
		if (store_call_set(writer->store, &call, NULL))
			_exit(1);
		say(writer, (struct note){number, 1});
	}
	return NULL;
}

static void be_child(const char *directory, int pipe, unsigned first)
{
	struct writer writer = {.store = open_store(directory), .pipe = pipe, .next = first};
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, write_calls, &writer))
			_exit(1);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(1);
}

/* What the parent knows of each call. */
static uint8_t safe[CALLS_MAX], done[CALLS_MAX];
static unsigned known;

static void read_note(const struct note *note)
{
	if (note->number >= CALLS_MAX)
		return;
	if (note->done)
		done[note->number] = 1;
	else
		safe[note->number] = 1;
	if (note->number >= known)
		known = note->number + 1;
}

/* Starts a child, lets it add about so many calls, and kills it. */
static void run_child(const char *directory, unsigned first, unsigned count)
{
	int ends[2], status = 0;
	CHECK_NUMBER(pipe(ends), 0);
	const pid_t child = fork();
	if (!child) {
		close(ends[0]);
		be_child(directory, ends[1], first);
	}
	close(ends[1]);
	struct note note;
	for (unsigned i = 0;; i++) {
		if (i == count)
			kill(child, SIGKILL);
		if (file_read_full(ends[0], &note, sizeof(note)) != sizeof(note))
			break;
		read_note(&note);
	}
	close(ends[0]);
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void check_all(const char *directory)
{
	struct store *store = open_store(directory);
	unsigned lost = 0, changed = 0, broken = 0;
	for (unsigned i = 0; i < known && i < CALLS_MAX; i++) {
		char id[32];
		struct store_call call;
		size_t length;
		body_of(i, &length);
		if (!safe[i])
			continue;
		snprintf(id, sizeof(id), "call-%u", i);
		if (store_call_get(store, id, &call, NULL)) {
			lost++;
			continue;
		}
		changed += done[i] && call.state != STORE_CALL_DONE;
		broken += call.state == STORE_CALL_WAITING && call.body_length != length;
		store_call_release(&call);
	}
	CHECK_NUMBER(lost, 0);
	CHECK_NUMBER(changed, 0);
	CHECK_NUMBER(broken, 0);
	store_close(store);
}

int main(void)
{
	char directory[PATH_MAX];
	make_directory(directory);
	unsigned first = 0;
	srandom(4711);
	for (int round = 0; round < ROUNDS; round++) {
		run_child(directory, first, (unsigned)random() % 60);
		/* What was under way may be there, too, so that its numbers are not used again. */
		first = known + 10 * THREADS;
	}
	check_all(directory);
	CHECK(known > ROUNDS);
	remove_directory(directory);
	return check_status();
}
