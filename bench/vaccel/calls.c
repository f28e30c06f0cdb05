/* What calls of the vAccel API cost: a program that runs with any library that has the API.
 *
 *     calls ROUNDS
 *
 * Prints a line for each row: its name, and the nanoseconds of one call, the least of ROUNDS
 * measurements. It uses nothing but the public headers, so that compare.py can run it with two
 * libraries in turns. VACCEL_PLUGINS says which plugin takes the ops.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <vaccel.h>

static struct vaccel_session session;
static struct vaccel_resource shared;
static char file_path[] = "/tmp/vaccel-calls-XXXXXX";
static unsigned char picture[65536], text[256], name[256];

static void must(int result, const char *what)
{
	if (!result)
		return;
	fprintf(stderr, "calls: %s: %s\n", what, strerror(result));
	exit(1);
}

#define MUST(call) must((call), #call)

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void noop(void)
{
	MUST(vaccel_noop(&session));
}

static void classify(void)
{
	MUST(vaccel_image_classification(&session, picture, text, name, sizeof(picture),
					 sizeof(text), sizeof(name)));
}

static void genop_classify(void)
{
	uint8_t op = VACCEL_OP_IMAGE_CLASSIFY;
	struct vaccel_arg read[2] = {
	    {.buf = &op, .size = sizeof(op), .type = VACCEL_ARG_UINT8},
	    {.buf = picture, .size = sizeof(picture), .type = VACCEL_ARG_BUFFER},
	};
	struct vaccel_arg write[2] = {
	    {.buf = name, .size = sizeof(name), .type = VACCEL_ARG_UCHAR_ARRAY},
	    {.buf = text, .size = sizeof(text), .type = VACCEL_ARG_UCHAR_ARRAY},
	};
	MUST(vaccel_genop(&session, read, 2, write, 2));
}

static void open_session(void)
{
	struct vaccel_session fresh;
	MUST(vaccel_session_init(&fresh, 0));
	MUST(vaccel_session_release(&fresh));
}

static void resource_of_file(void)
{
	struct vaccel_resource fresh;
	MUST(vaccel_resource_init(&fresh, file_path, VACCEL_RESOURCE_DATA));
	MUST(vaccel_resource_release(&fresh));
}

static void resource_of_memory(void)
{
	struct vaccel_resource fresh;
	MUST(vaccel_resource_init_from_buf(&fresh, picture, sizeof(picture), VACCEL_RESOURCE_DATA,
					   "picture", true));
	MUST(vaccel_resource_release(&fresh));
}

static void register_and_unregister(void)
{
	MUST(vaccel_resource_register(&shared, &session));
	MUST(vaccel_resource_unregister(&shared, &session));
}

/* A session, a file in it, an op, and all of it gone again. */
static void full_cycle(void)
{
	struct vaccel_session fresh;
	struct vaccel_resource file;
	MUST(vaccel_session_init(&fresh, 0));
	MUST(vaccel_resource_init(&file, file_path, VACCEL_RESOURCE_DATA));
	MUST(vaccel_resource_register(&file, &fresh));
	MUST(vaccel_noop(&fresh));
	MUST(vaccel_resource_unregister(&file, &fresh));
	MUST(vaccel_resource_release(&file));
	MUST(vaccel_session_release(&fresh));
}

static void blob_of_buffer(void)
{
	struct vaccel_blob blob;
	MUST(vaccel_blob_init_from_buf(&blob, picture, sizeof(picture), false, "picture", NULL,
				       false));
	MUST(vaccel_blob_release(&blob));
}

/* An array of four arguments, filled, read and given back. */
static void arguments(void)
{
	struct vaccel_arg_array array;
	int32_t number = 7;
	double fraction = 0.5;
	char word[] = "word";
	float numbers[4] = {0};
	MUST(vaccel_arg_array_init(&array, 4));
	MUST(vaccel_arg_array_add_int32(&array, &number));
	MUST(vaccel_arg_array_add_double(&array, &fraction));
	MUST(vaccel_arg_array_add_string(&array, word));
	MUST(vaccel_arg_array_add_float_array(&array, numbers, 4));
	char *read_word;
	float *read_numbers;
	size_t count;
	MUST(vaccel_arg_array_get_int32(&array, &number));
	MUST(vaccel_arg_array_get_double(&array, &fraction));
	MUST(vaccel_arg_array_get_string(&array, &read_word));
	MUST(vaccel_arg_array_get_float_array(&array, &read_numbers, &count));
	MUST(vaccel_arg_array_release(&array));
}

static const struct row {
	const char *name;
	void (*call)(void);
} rows[] = {
    {"noop", noop},
    {"classify", classify},
    {"genop-classify", genop_classify},
    {"session", open_session},
    {"resource-file", resource_of_file},
    {"resource-memory", resource_of_memory},
    {"register-unregister", register_and_unregister},
    {"full-cycle", full_cycle},
    {"blob-from-buffer", blob_of_buffer},
    {"argument-array", arguments},
};

static double time_calls(const struct row *row, unsigned calls)
{
	uint64_t begin = now_ns();
	for (unsigned i = 0; i < calls; i++)
		row->call();
	return (double)(now_ns() - begin) / calls;
}

/* A measurement takes a fraction of what a process gets at once, so that the least of many is of one
 * that nobody interrupted. */
static double measure(const struct row *row, int rounds)
{
	const double window_ns = 100000;
	double best = time_calls(row, 10);
	for (int round = 0; round < rounds; round++) {
		unsigned calls = best < window_ns ? (unsigned)(window_ns / (best + 1)) + 1 : 1;
		double each = time_calls(row, calls);
		if (each < best)
			best = each;
	}
	return best;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 200;
	int file = mkstemp(file_path);
	if (file < 0 || write(file, picture, sizeof(picture)) != (ssize_t)sizeof(picture))
		must(VACCEL_EIO, file_path);
	close(file);
	MUST(vaccel_session_init(&session, 0));
	MUST(vaccel_resource_init_from_buf(&shared, picture, sizeof(picture), VACCEL_RESOURCE_DATA,
					   "picture", true));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		printf("%s %.1f\n", rows[i].name, measure(&rows[i], rounds));
	MUST(vaccel_resource_release(&shared));
	MUST(vaccel_session_release(&session));
	unlink(file_path);
	return 0;
}
