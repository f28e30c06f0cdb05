/* detect: which objects are where in a photograph? Request: a JPEG or PNG. Response: labels, scores
 * and boxes as JSON; a box is x, y, width and height in fractions of the picture.
 *
 * With an argument, `detect MODEL` uses that model of the host, for example `detect face`. Session
 * and model are opened before the request is read: they are part of the snapshot. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "mayfly/results.h"
#include "session.h"

#define OBJECTS 100

int main(int argc, char **argv)
{
	struct vaccel_session session;
	struct vaccel_resource model;
	int result = session_open("detect", argc, argv, &session, &model);
	if (result)
		return result;
	size_t length, count = 0;
	uint8_t *image = request_read("detect", &length);
	if (!image)
		return 1;
	struct mayfly_object objects[OBJECTS];
	result = mayfly_detect_objects(&session, image, length, objects, OBJECTS, &count);
	if (result)
		return request_fail("detect", "cannot find objects", result);
	json_t *list = json_array();
	bool whole = true;
	for (size_t i = 0; i < count; i++) {
		const struct mayfly_object *object = &objects[i];
		whole &= !json_array_append_new(
		    list,
		    json_pack("{s:s, s:f, s:[f, f, f, f]}", "label", object->label, "score",
			      (double)object->score, "box", (double)object->x, (double)object->y,
			      (double)object->width, (double)object->height));
	}
	json_t *answer = json_pack("{s:o}", "objects", list);
	if (!whole || !answer || json_dumpf(answer, stdout, JSON_REAL_PRECISION(4)) ||
	    puts("") == EOF || fflush(stdout)) {
		fprintf(stderr, "detect: cannot write the response\n");
		return 1;
	}
	return 0;
}
