/* classify: what does a photograph show? Request: a JPEG or PNG. Response: labels as JSON.
 *
 * The session is opened before the request is read: it is part of the snapshot, and every request
 * finds it open. */
#include <jansson.h>
#include <stdio.h>

#include "mayfly/results.h"
#include "request.h"
#include "vaccel.h"

#define LABELS 5

int main(void)
{
	struct vaccel_session session;
	int result = vaccel_session_init(&session, 0);
	if (result)
		return request_fail("classify", "no accelerator session (mayfly doctor tells more)",
				    result);
	size_t length, count = 0;
	uint8_t *image = request_read("classify", &length);
	if (!image)
		return 1;
	struct mayfly_label labels[LABELS];
	result = mayfly_classify_labels(&session, image, length, labels, LABELS, &count);
	if (result)
		return request_fail("classify", "cannot classify the picture", result);
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:s, s:i, s:f}", "label", labels[i].label,
						      "class", (int)labels[i].index, "score",
						      (double)labels[i].score));
	json_t *answer = json_pack("{s:o}", "labels", list);
	if (!answer || json_dumpf(answer, stdout, JSON_REAL_PRECISION(4)) || puts("") == EOF ||
	    fflush(stdout)) {
		fprintf(stderr, "classify: cannot write the response\n");
		return 1;
	}
	return 0;
}
