/* classify: what does a photograph show? Request: a JPEG or PNG. Response: labels as JSON.
 *
 * With an argument, `classify MODEL` uses that model of the host. Session and model are opened
 * before the request is read: they are part of the snapshot, and every request finds them open. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "mayfly/results.h"
#include "session.h"

#define LABELS 5

int main(int argc, char **argv)
{
	struct vaccel_session session;
	struct vaccel_resource model;
	int result = session_open("classify", argc, argv, &session, &model);
	if (result)
		return result;
	size_t length, count = 0;
	uint8_t *image = request_read("classify", &length);
	if (!image)
		return 1;
	struct mayfly_label labels[LABELS];
	result = mayfly_classify_labels(&session, image, length, labels, LABELS, &count);
	if (result)
		return request_fail("classify", "cannot classify the picture", result);
	json_t *list = json_array();
	bool whole = true;
	for (size_t i = 0; i < count; i++)
		whole &= !json_array_append_new(
		    list, json_pack("{s:s, s:I, s:f}", "label", labels[i].label, "class",
				    (json_int_t)labels[i].index, "score", (double)labels[i].score));
	json_t *answer = json_pack("{s:o}", "labels", list);
	if (!whole || !answer || json_dumpf(answer, stdout, JSON_REAL_PRECISION(4)) ||
	    puts("") == EOF || fflush(stdout)) {
		fprintf(stderr, "classify: cannot write the response\n");
		return 1;
	}
	return 0;
}
