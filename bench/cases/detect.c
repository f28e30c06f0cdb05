/* Objects in a photograph, by the same model: by the function `detect` in a machine, by the same op
 * in this process, and by ONNX Runtime alone on a picture that is already decoded and prepared. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "harness/guest.h"
#include "harness/runtime.h"
#include "mayfly/results.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "vaccel.h"

#define DETECT_EVERY 10
#define DETECT_MODEL "ssd" /* what the op takes where the session names none */
#define OBJECTS	     100   /* as functions/detect.c */

struct detect_cases {
	const struct cases_settings *settings;
	struct vaccel_session session;
	bool session_open;
	struct guest guest;
	struct runtime *runtime;
};

/* ---- in this process ---- */

static int detect(struct detect_cases *cases, struct mayfly_object objects[OBJECTS], size_t *count,
		  struct error *error)
{
	int result = mayfly_detect_objects(&cases->session, cases->settings->photo,
					   cases->settings->photo_length, objects, OBJECTS, count);
	return result ? error_set(error, EIO, "detection in-process answered %d", result) : 0;
}

static int measure_inprocess(void *context, double *ns, struct error *error)
{
	struct mayfly_object objects[OBJECTS];
	size_t count;
	uint64_t begin = clock_now_ns();
	int result = detect(context, objects, &count, error);
	*ns = (double)(clock_now_ns() - begin);
	return result;
}

/* The answer that the function gives for these objects; the caller frees it. */
static char *format_answer(const struct mayfly_object *objects, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct mayfly_object *object = &objects[i];
		json_array_append_new(list,
				      json_pack("{s:s, s:f, s:[f, f, f, f]}", "label",
						object->label, "score", (double)object->score,
						"box", (double)object->x, (double)object->y,
						(double)object->width, (double)object->height));
	}
	json_t *answer = json_pack("{s:o}", "objects", list);
	char *text = json_dumps(answer, JSON_REAL_PRECISION(4));
	json_decref(answer);
	return text;
}

/* Both must say the same, byte for byte: else their times are not of the same work. */
static int check_same_answer(struct detect_cases *cases, struct error *error)
{
	struct mayfly_object objects[OBJECTS];
	size_t count;
	int result = detect(cases, objects, &count, error);
	if (!result)
		result = guest_serve(&cases->guest, error);
	if (result)
		return result;
	cleanup_free char *wanted = format_answer(objects, count);
	size_t length = wanted ? strlen(wanted) : 0;
	/* The function ends its answer with a newline. */
	if (!count || !length || cases->guest.response_length != length + 1 ||
	    memcmp(cases->guest.response, wanted, length) != 0)
		return error_set(error, EPROTO,
				 "a machine and this process find different objects: %.*s and %s",
				 (int)cases->guest.response_length,
				 (const char *)cases->guest.response, wanted ? wanted : "nothing");
	return 0;
}

/* ---- ONNX Runtime alone ---- */

static int measure_runtime(void *context, double *ns, struct error *error)
{
	uint64_t begin = clock_now_ns();
	int result = runtime_run(context, error);
	*ns = (double)(clock_now_ns() - begin);
	return result;
}

/* ---- all three ---- */

static int add_rows(struct detect_cases *cases, struct bench *bench, struct error *error)
{
	const struct bench_case rows[] = {
	    {"detect-guest", "detect", "detect in a machine", DETECT_EVERY, false,
	     guest_measure_request, &cases->guest},
	    {"detect-inprocess", "detect", "detect in-process, the same op", DETECT_EVERY, false,
	     measure_inprocess, cases},
	    {"detect-runtime", "detect", "ONNX Runtime alone, picture prepared", DETECT_EVERY,
	     false, measure_runtime, cases->runtime},
	};
	static const struct guest_program program = {.part = "functions/detect"};
	struct guest_program with_photo = program;
	with_photo.input = cases->settings->photo;
	with_photo.input_length = cases->settings->photo_length;
	int result = vaccel_session_init(&cases->session, 0);
	if (result)
		return error_set(error, EIO, "no session of the onnx plugin (error %d)", result);
	cases->session_open = true;
	result = guest_open(&cases->guest, &with_photo, cases->settings->isolation, error);
	if (!result)
		result = check_same_answer(cases, error);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !result; i++)
		result = bench_add(bench, &rows[i], error);
	return result;
}

int detect_cases_open(struct detect_cases **cases, struct bench *bench,
		      const struct cases_settings *settings, struct error *error)
{
	static const char *const names[] = {"detect-guest", "detect-inprocess", "detect-runtime"};
	struct error reason = {0};
	*cases = NULL;
	if (!bench_wants(bench, names[0]) && !bench_wants(bench, names[1]) &&
	    !bench_wants(bench, names[2]))
		return 0;
	struct detect_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the detect cases");
	self->settings = settings;
	int result = settings->photo ? runtime_open(&self->runtime, DETECT_MODEL, settings->photo,
						    settings->photo_length, &reason)
				     : error_set(&reason, ENOENT, "no photograph");
	if (result) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			bench_leave_out(bench, names[i], reason.text);
		detect_cases_close(self);
		return 0;
	}
	*cases = self;
	return add_rows(self, bench, error);
}

const char *detect_cases_runtime(const struct detect_cases *cases)
{
	return cases ? runtime_version(cases->runtime) : NULL;
}

void detect_cases_close(struct detect_cases *cases)
{
	if (!cases)
		return;
	guest_close(&cases->guest);
	if (cases->session_open)
		vaccel_session_release(&cases->session);
	runtime_close(cases->runtime);
	free(cases);
}
