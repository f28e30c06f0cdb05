/* What an accelerator host has done; see host_statistics.h. */
#include "accel_statistics/host_statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel/wire/wire.h"
#include "accel_client/accel_client.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* Room for all tenants, models and series that a host tells of. */
#define WINDOW_SIZE (8UL << 20)

#define LIMIT_NS (5 * NANOSECONDS_PER_SECOND)

int host_statistics_open_key(const char *socket_path, bool create, struct error *error)
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof(path), "%s.key", socket_path) >= sizeof(path))
		return error_set(error, ENAMETOOLONG, "path too long: %s", socket_path);
	int key = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);
	return key < 0 ? error_set_errno(error, errno, "cannot open %s", path) : key;
}

static int make_window(int *window, uint8_t **memory, struct error *error)
{
	cleanup_close int fd = memfd_create("statistics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, WINDOW_SIZE) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))
		return error_set_errno(error, errno, "cannot make a window");
	void *mapped = mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map a window");
	*memory = mapped;
	*window = take_fd(&fd);
	return 0;
}

static int call(struct accel_client *client, uint8_t *memory, struct accel_call *call,
		struct error *error)
{
	uint64_t extent;
	int status = 0;
	int result = wire_encode(memory, WINDOW_SIZE, call, 1, &extent);
	if (!result)
		result = accel_client_call(client, 0, extent, clock_now_ns() + LIMIT_NS, error);
	if (!result)
		result = wire_read_answer(memory, extent, call, 1, &status);
	if (result)
		return error && *error->text ? result
					     : error_set_errno(error, -result, "no sound answer");
	if (!status)
		return 0;
	char reason[WIRE_REASON_MAX];
	wire_read_reason(memory, extent, reason, sizeof(reason));
	return error_set(error, status, "the accelerator host tells nothing: %s",
			 *reason ? reason : strerror(status));
}

/* A newer or older host may tell other things. */
static int look_at(struct host_statistics *statistics, const struct vaccel_arg *told,
		   struct error *error)
{
	const struct mayfly_statistics *head = told->buf;
	if (told->size < sizeof(*head) || head->version != MAYFLY_STATISTICS_VERSION ||
	    told->size != sizeof(*head) + (uint64_t)head->tenants * sizeof(*statistics->tenants) +
			      (uint64_t)head->models * sizeof(*statistics->models) +
			      (uint64_t)head->series * sizeof(*statistics->series))
		return error_set(error, EPROTO,
				 "the accelerator host tells its statistics in another form; is it "
				 "of another version?");
	statistics->head = head;
	statistics->tenants = (const void *)(head + 1);
	statistics->models = (const void *)(statistics->tenants + head->tenants);
	statistics->series = (const void *)(statistics->models + head->models);
	return 0;
}

static int ask(struct accel_client *client, uint8_t *memory, const void *key,
	       struct host_statistics *statistics, struct error *error)
{
	static const uint32_t grows = WIRE_ARGUMENT_GROWS;
	const struct vaccel_arg input = {
	    .buf = (void *)key, .size = MAYFLY_STATISTICS_KEY, .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg told = {.type = VACCEL_ARG_BUFFER};
	struct accel_call message = {.op = WIRE_OP_STATISTICS,
				     .inputs = &input,
				     .input_count = 1,
				     .outputs = &told,
				     .output_count = 1,
				     .output_flags = &grows};
	int result = call(client, memory, &message, error);
	if (result)
		return result;
	statistics->block = told.buf;
	return look_at(statistics, &told, error);
}

int host_statistics_read(const char *socket_path, int key, struct host_statistics *statistics,
			 struct error *error)
{
	uint8_t bytes[MAYFLY_STATISTICS_KEY], *memory = NULL;
	struct accel_client *client;
	cleanup_close int window = -1;
	*statistics = (struct host_statistics){0};
	/* Each worker writes a new one. */
	if (pread(key, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return error_set(error, EPERM, "the accelerator host has not written its key");
	int result = make_window(&window, &memory, error);
	if (result)
		return result;
	result = accel_client_open_at(&client, socket_path, window, WINDOW_SIZE, error);
	if (!result) {
		result = ask(client, memory, bytes, statistics, error);
		accel_client_close(client);
	}
	munmap(memory, WINDOW_SIZE);
	return result;
}

void host_statistics_release(struct host_statistics *statistics)
{
	free(statistics->block);
	*statistics = (struct host_statistics){0};
}
