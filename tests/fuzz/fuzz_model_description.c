/* Fuzzes the parsers of model.txt and of label files. What is accepted must keep the promises of
 * description.h, and what is refused must say why on one line. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/description.h"

static void expect(bool promise)
{
	if (!promise)
		abort();
}

static void check_description(const struct model_description *d)
{
	expect(d->width >= 1 && d->width <= DESCRIPTION_SIDE_MAX);
	expect(d->height >= 1 && d->height <= DESCRIPTION_SIDE_MAX);
	expect(d->classes >= 1 && d->classes <= DESCRIPTION_CLASSES_MAX);
	expect(d->boxes.count <= DESCRIPTION_LEVELS_MAX && d->scores.count >= 1);
	expect(d->scores.count <= DESCRIPTION_LEVELS_MAX);
	expect(d->task < TASK_COUNT && description_task_name(d->task));
	expect(d->limit >= 1 && d->crop > 0 && d->crop <= 1);
	expect(d->threshold >= 0 && d->threshold <= 1 && d->overlap >= 0 && d->overlap <= 1);
	expect(d->labels[0] && !strchr(d->labels, '/') && strcmp(d->labels, "..") != 0);
	for (int i = 0; i < 3; i++)
		expect(isfinite(d->mean[i]) && isfinite(d->scale[i]));
	if (d->decoding == DECODE_ANCHORS) {
		expect(d->anchor_levels >= 1 && d->boxes.count == d->anchor_levels);
		for (size_t i = 0; i < d->anchor_levels; i++)
			expect(d->anchor_grid[i] && d->anchor_count[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model_description description;
	struct labels labels;
	struct error error = {0};
	int result = description_parse((const char *)data, size, "m", &description, &error);
	if (!result)
		check_description(&description);
	else
		expect((result == -EINVAL || result == -EFBIG) && error.text[0] &&
		       !strchr(error.text, '\n'));
	size_t classes = size ? 1 + data[0] % 16 : 1;
	result = labels_parse((const char *)data, size, classes, "l", &labels, &error);
	if (!result) {
		for (size_t i = 0; i < classes; i++)
			expect(!labels.lines[i] || labels.lines[i][0]);
		labels_release(&labels);
	} else {
		expect(result == -EINVAL && error.text[0]);
	}
	return 0;
}
