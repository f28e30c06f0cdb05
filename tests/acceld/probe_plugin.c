/* A plugin for tests: an op that takes its time, and ones that tell what their session has. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acceld/tenants/tenant_channel.h"
#include "attack.h"
#include "mayfly/results.h"
#include "nonsense.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "vaccel.h"

#define SLOW_LIMIT_NS (20 * NANOSECONDS_PER_SECOND)

static atomic_uint noops; /* under way in this process */

/* Works until the op's deadline, as a good plugin does, or for twenty seconds. */
static int probe_noop(struct vaccel_session *session)
{
	uint64_t deadline_ns = mayfly_op_deadline_ns();
	uint64_t end_ns = clock_now_ns() + SLOW_LIMIT_NS;
	int result = 0;
	atomic_fetch_add(&noops, 1);
	while (!result && clock_now_ns() < end_ns) {
		if (deadline_ns && clock_now_ns() >= deadline_ns)
			result = VACCEL_EAGAIN;
		else
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	atomic_fetch_sub(&noops, 1);
	return result;
}

/* The text is how many models the session has, and the bytes of the last one's first blob. */
static int probe_classify(struct vaccel_session *session, const void *image,
			  unsigned char *out_text, unsigned char *out_image, size_t image_length,
			  size_t text_size, size_t image_size)
{
	struct vaccel_resource **models = NULL;
	size_t count = 0, bytes = 0;
	int result =
	    vaccel_session_resources_by_type(session, &models, &count, VACCEL_RESOURCE_MODEL);
	if (result && result != VACCEL_ENOENT)
		return result;
	if (!result && count && models[count - 1]->nr_blobs)
		bytes = models[count - 1]->blobs[0]->size;
	free(models);
	snprintf((char *)out_text, text_size, "%zu models, %zu bytes", result ? 0 : count, bytes);
	return 0;
}

static int attempt(int result)
{
	return result < 0 ? errno : 0;
}

/* As the engine keeps a model that it has optimised: a new file in place of an old one. */
static int replace_file(void)
{
	char before[PATH_MAX], after[PATH_MAX];
	snprintf(before, sizeof(before), "%s/mayfly/probe.new", getenv("XDG_RUNTIME_DIR"));
	snprintf(after, sizeof(after), "%s/mayfly/probe", getenv("XDG_RUNTIME_DIR"));
	int fd = open(before, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good =
	    fd >= 0 && !fchmod(fd, 0644) && !close(fd) && !rename(before, after) && !unlink(after);
	return good ? 0 : errno;
}

/* What a plugin that has been taken over might try; each with its errno, 0 where it may. */
static int tell_rights(char *text, size_t size)
{
	char *const arguments[] = {"/bin/true", NULL};
	pid_t child = fork();
	if (!child)
		_exit(0);
	int forked = attempt(child);
	if (child > 0)
		waitpid(child, NULL, 0);
	int socket_made = attempt(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	int executed = attempt(execve(arguments[0], arguments, NULL));
	int written = attempt(open("/var/tmp/mayfly-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	int listed = attempt(open("/home", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int read_library = attempt(open("/usr/lib", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	snprintf(text, size, "fork %d, socket %d, exec %d, write %d, list %d, read %d, replace %d",
		 forked, socket_made, executed, written, listed, read_library, replace_file());
	return 0;
}

static char *volatile nowhere; /* raise(3) is not for everybody */

static void *spin_for_ever(void *unused)
{
	(void)unused;
	for (volatile uint64_t turns = 0;; turns++)
		;
	return NULL;
}

/* What a tenant's worker that has been taken over might say to the one that believes nothing. */
static void talk_nonsense(const char *word)
{
	enum { CHANNEL = 3 };
	const struct tenant_answer answer = {.status = 0, .serial = UINT64_MAX};
	if (!strcmp(word, "hang up")) {
		close(CHANNEL);
		spin_for_ever(NULL);
	}
	if (!strcmp(word, "babble"))
		send(CHANNEL, "something else", 14, MSG_NOSIGNAL);
	if (!strcmp(word, "lie"))
		send(CHANNEL, &answer, sizeof(answer), MSG_NOSIGNAL);
}

/* What a plugin should not do, where the picture is that word; -1 where it is none. */
static int misbehave(const char *word, unsigned char *text, size_t size)
{
	if (!strcmp(word, "crash"))
		*(volatile char *)nowhere = 1;
	if (!strcmp(word, "quit"))
		_exit(0);
	if (!strcmp(word, "hang")) {
		nanosleep(&(struct timespec){.tv_sec = 3}, NULL); /* whatever the deadline */
		return 0;
	}
	if (!strcmp(word, "spin in threads")) {
		pthread_t thread;
		for (int i = 0; i < 20; i++)
			pthread_create(&thread, NULL, spin_for_ever, NULL);
	}
	if (!strncmp(word, "spin", strlen("spin")))
		spin_for_ever(NULL);
	if (!strcmp(word, "no end")) {
		memset(text, 'x', size);
		return 0;
	}
	if (!strcmp(word, "no code"))
		return -123456;
	talk_nonsense(word);
	return -1;
}

/* What tells about the process; -1 where the word is none of these. */
static int tell(const char *word, char *text, size_t size)
{
	if (!strcmp(word, "rights"))
		return tell_rights(text, size);
	if (!strcmp(word, "attack"))
		return attack_all(text, size);
	if (!strcmp(word, "noops"))
		snprintf(text, size, "%u", atomic_load(&noops));
	else if (!strcmp(word, "who"))
		snprintf(text, size, "%d", getpid());
	else
		return -1;
	return 0;
}

/* The text is the content of the session's model: its blobs one after the other. */
static int probe_detect(struct vaccel_session *session, const void *image, unsigned char *out_text,
			size_t image_length, size_t text_size)
{
	struct vaccel_resource *model;
	size_t used = 0;
	char word[32] = "";
	if (image_length < sizeof(word))
		memcpy(word, image, image_length);
	int result = tell(word, (char *)out_text, text_size);
	if (result == -1)
		result = misbehave(word, out_text, text_size);
	if (result != -1)
		return result;
	result = vaccel_session_resource_by_type(session, &model, VACCEL_RESOURCE_MODEL);
	if (result)
		return result;
	for (size_t i = 0; i < model->nr_blobs; i++) {
		const struct vaccel_blob *blob = model->blobs[i];
		if (used + blob->size >= text_size)
			return VACCEL_ENOSPC;
		memcpy(out_text + used, blob->data, blob->size);
		used += blob->size;
	}
	out_text[used] = 0;
	return 0;
}

/* A resource named "once" can be registered once. */
static int probe_register(struct vaccel_resource *resource, struct vaccel_session *session)
{
	if (!resource->nr_blobs || strcmp(resource->blobs[0]->name, "once"))
		return 0;
	if (resource->plugin_priv)
		return VACCEL_EIO;
	resource->plugin_priv = resource;
	return 0;
}

/* Of matrices by rows, as its prototype says. */
static int probe_sgemm(struct vaccel_session *session, int64_t m, int64_t n, int64_t k, float alpha,
		       float *a, int64_t lda, float *b, int64_t ldb, float beta, float *c,
		       int64_t ldc)
{
	(void)session;
	for (int64_t row = 0; row < m; row++)
		for (int64_t column = 0; column < n; column++) {
			float sum = 0;
			for (int64_t i = 0; i < k; i++)
				sum += a[row * lda + i] * b[i * ldb + column];
			c[row * ldc + column] = alpha * sum + beta * c[row * ldc + column];
		}
	return 0;
}

static struct vaccel_op ops[] = {
    VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, probe_noop),
    VACCEL_OP_INIT(classify, VACCEL_OP_IMAGE_CLASSIFY, probe_classify),
    VACCEL_OP_INIT(detect, VACCEL_OP_IMAGE_DETECT, probe_detect),
    VACCEL_OP_INIT(torch_run, VACCEL_OP_TORCH_MODEL_RUN, nonsense_torch_run),
    VACCEL_OP_INIT(sgemm, VACCEL_OP_BLAS_SGEMM, probe_sgemm),
};

/* Crashes where a test has put a file. */
static int probe_init(void)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/mayfly/probe-crash", getenv("XDG_RUNTIME_DIR"));
	if (!access(path, F_OK))
		raise(SIGABRT); /* which AddressSanitizer does not handle */
	return vaccel_plugin_register_ops(ops, ARRAY_SIZE(ops));
}

static int probe_fini(void)
{
	return 0;
}

VACCEL_PLUGIN(.name = "probe", .version = "1", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_CPU, .init = probe_init, .fini = probe_fini,
	      .resource_register = probe_register)
