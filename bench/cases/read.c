/* Reading a file of 100 MB that is in the page cache: of a root image, in a machine that just
 * began, in one that did so before, and in a process; and outside. reader.c does it and times
 * itself. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "harness/child.h"
#include "harness/guest.h"
#include "root/builder.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"

#define READER_PART  "bench/reader"
#define READER_LIMIT (16UL << 20)
#define DATA_SIZE    100000000UL
#define PIECE_SIZE   (2UL << 20) /* the page cache keeps a file as it was written */
#define ANSWER_SIZE  64
#define READ_EVERY   20
#define REST_US	     20000

struct read_cases {
	const struct cases_settings *settings;
	char folder[64], data[PATH_MAX], image[PATH_MAX], program[PATH_MAX];
	struct guest machine, process;
};

static struct guest_program read_program(const struct read_cases *cases)
{
	return (struct guest_program){
	    .path = "/reader", .arguments = {"/data"}, .root = cases->image};
}

static int check_answer(const char *answer, double *ns, struct error *error)
{
	char *next;
	*ns = strtod(answer, &next);
	return *ns > 0 && strtoul(next, NULL, 10) == DATA_SIZE
		   ? 0
		   : error_set(error, EPROTO, READER_PART " answered %s", answer);
}

static int measure_inside(void *context, double *ns, struct error *error)
{
	struct guest *guest = context;
	int result = guest_serve(guest, error);
	if (result)
		return result;
	guest->response[guest->response_length] = 0;
	return check_answer((const char *)guest->response, ns, error);
}

/* In the first machine of a monitor, which knows nothing of what requests read. */
static int measure_fresh(void *context, double *ns, struct error *error)
{
	const struct read_cases *cases = context;
	const struct guest_program program = read_program(cases);
	struct guest guest;
	int result = guest_open(&guest, &program, cases->settings->isolation, error);
	/* What the kernel still has to do for the machines before this one is not its own. */
	usleep(REST_US);
	if (!result)
		result = measure_inside(&guest, ns, error);
	guest_close(&guest);
	return result;
}

static int measure_outside(void *context, double *ns, struct error *error)
{
	const struct read_cases *cases = context;
	const char *const arguments[] = {cases->program, cases->data, NULL};
	char answer[ANSWER_SIZE];
	cleanup_close int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing < 0)
		return error_set_errno(error, errno, "cannot open /dev/null");
	int result = child_run(arguments, nothing, answer, sizeof(answer), error);
	return result ? result : check_answer(answer, ns, error);
}

/* ── files ───────────────────────────────────────────────────────────────────────────────────── */

static int add_file(struct root_builder *builder, const char *name, const void *data, size_t length,
		    struct error *error)
{
	const struct root_attributes attributes = {.mode = S_IFREG | 0755};
	int result = root_builder_add(builder, name, &attributes, error);
	return result ? result : root_builder_write(builder, data, length, error);
}

static int build_image(const struct read_cases *cases, const void *data, struct error *error)
{
	cleanup_free uint8_t *program = NULL;
	size_t length = 0;
	struct root_builder *builder = NULL;
	int result = file_read(cases->program, READER_LIMIT, &program, &length, error);
	if (!result)
		result = root_builder_open(&builder, cases->image, error);
	if (!result)
		result = add_file(builder, "reader", program, length, error);
	if (!result)
		result = add_file(builder, "data", data, DATA_SIZE, error);
	if (!result)
		result = root_builder_finish(builder, error);
	root_builder_close(builder);
	return result;
}

static int write_data(const struct read_cases *cases, const uint8_t *data, struct error *error)
{
	cleanup_close int file = open(cases->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int result = file < 0 ? -errno : 0;
	for (size_t done = 0; done < DATA_SIZE && !result; done += PIECE_SIZE)
		result =
		    file_write_all(file, data + done,
				   DATA_SIZE - done < PIECE_SIZE ? DATA_SIZE - done : PIECE_SIZE);
	return result ? error_set_errno(error, -result, "cannot write %s", cases->data) : 0;
}

static int make_files(struct read_cases *cases, struct error *error)
{
	const char *temporary = getenv("TMPDIR");
	if ((size_t)snprintf(cases->folder, sizeof(cases->folder), "%s/mayfly-bench-XXXXXX",
			     temporary ? temporary : "/tmp") >= sizeof(cases->folder)) {
		cases->folder[0] = 0;
		return error_set(error, ENAMETOOLONG, "TMPDIR is too long");
	}
	if (!mkdtemp(cases->folder)) {
		cases->folder[0] = 0;
		return error_set_errno(error, errno, "cannot make a folder in TMPDIR");
	}
	snprintf(cases->data, sizeof(cases->data), "%s/data", cases->folder);
	snprintf(cases->image, sizeof(cases->image), "%s/image", cases->folder);
	cleanup_free uint8_t *data = malloc(DATA_SIZE);
	if (!data)
		return error_set(error, ENOMEM, "no memory for a file of 100 MB");
	for (size_t i = 0; i < DATA_SIZE; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 12));
	int result = paths_part(cases->program, sizeof(cases->program), READER_PART, error);
	if (!result)
		result = write_data(cases, data, error);
	return result ? result : build_image(cases, data, error);
}

/* ── the set ─────────────────────────────────────────────────────────────────────────────────── */

int read_cases_open(struct read_cases **cases, struct bench *bench,
		    const struct cases_settings *settings, struct error *error)
{
	*cases = NULL;
	struct read_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the read cases");
	self->settings = settings;
	*cases = self;
	const struct bench_case rows[] = {
	    {"read-fresh", "read", "from the root image, in a fresh machine", READ_EVERY, false,
	     measure_fresh, self},
	    {"read-mapped", "read", "from the root image, again in that machine", READ_EVERY, false,
	     measure_inside, &self->machine},
	    {"read-process", "read", "from the root image, under process isolation", READ_EVERY,
	     false, measure_inside, &self->process},
	    {"read-outside", "read", "of the page cache, by a process", READ_EVERY, false,
	     measure_outside, self},
	};
	const size_t count = ARRAY_SIZE(rows);
	if (!bench_wants_any(bench, rows, count))
		return 0;
	int result = make_files(self, error);
	const struct guest_program program = read_program(self);
	if (!result)
		result = guest_open(&self->machine, &program, settings->isolation, error);
	if (!result)
		result = guest_open(&self->process, &program, "process", error);
	for (size_t i = 0; i < count && !result; i++)
		result = bench_add(bench, &rows[i], error);
	return result;
}

void read_cases_close(struct read_cases *cases)
{
	if (!cases)
		return;
	guest_close(&cases->machine);
	guest_close(&cases->process);
	if (cases->folder[0]) {
		unlink(cases->data);
		unlink(cases->image);
		rmdir(cases->folder);
	}
	free(cases);
}
