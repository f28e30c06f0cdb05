/* annotate: draws what was found into the photograph. Request: a JPEG or PNG. Response: a PNG with
 * boxes and labels. Finding is the host's work; decoding, drawing and encoding are done here, in
 * the guest, on the stranger's data. `annotate MODEL` uses that model of the host. */
#include <stdio.h>

#include "mayfly/results.h"
#include "picture.h"
#include "session.h"

#define OBJECTS 100

static const struct color colors[] = {{255, 200, 0},  {0, 220, 120},   {80, 180, 255},
				      {255, 110, 90}, {230, 120, 255}, {190, 230, 60}};

static void draw(struct picture *picture, const struct mayfly_object *object, struct color color)
{
	char text[MAYFLY_LABEL_SIZE + 16];
	int scale = 1 + (int)(picture->width / 1000);
	float width = (float)picture->width, height = (float)picture->height;
	long x = (long)(object->x * width), y = (long)(object->y * height);
	picture_draw_frame(picture, x, y, (long)(object->width * width),
			   (long)(object->height * height), 3 * scale, color);
	snprintf(text, sizeof(text), " %s %.2f ", object->label, (double)object->score);
	picture_draw_text(picture, x, y, text, scale, color);
}

int main(int argc, char **argv)
{
	struct vaccel_session session;
	struct vaccel_resource model;
	int result = session_open("annotate", argc, argv, &session, &model);
	if (result)
		return result;
	size_t length, count = 0;
	uint8_t *image = request_read("annotate", &length);
	if (!image)
		return 1;
	struct picture picture;
	if (!length) {
		fprintf(stderr,
			"annotate: the picture is empty: a JPEG or PNG picture is wanted\n");
		return 1;
	}
	const char *failure = picture_decode(&picture, image, length);
	if (failure) {
		fprintf(stderr, "annotate: these %zu bytes are %s\n", length, failure);
		return 1;
	}
	struct mayfly_object objects[OBJECTS];
	result = mayfly_detect_objects(&session, image, length, objects, OBJECTS, &count);
	if (result)
		return request_fail("annotate", "cannot find objects", result);
	/* The best result is drawn last, so that it lies on top. */
	for (size_t i = count; i-- > 0;)
		draw(&picture, &objects[i], colors[i % (sizeof(colors) / sizeof(colors[0]))]);
	if (!picture_write_png(&picture, stdout) || fflush(stdout)) {
		fprintf(stderr, "annotate: cannot write the response\n");
		return 1;
	}
	return 0;
}
