/* The image ops on real photographs with real models, through the public API. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "cache.h"
#include "mayfly/results.h"
#include "picture/image.h"
#include "pictures.h"
#include "sizes/sizes.h"
#include "used_time.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "vaccel.h"

enum { OBJECTS_MAX = 20, THREADS = 4, RUNS_PER_THREAD = 4 };

struct photo {
	uint8_t *data;
	size_t length;
};

static struct photo photo_read(const char *name)
{
	struct photo photo;
	photo.data = cache_photo(name, &photo.length);
	return photo;
}

static void session_open(struct vaccel_session *session)
{
	CHECK_NUMBER(vaccel_session_init(session, VACCEL_PLUGIN_CPU), VACCEL_OK);
}

static float best_score(const struct mayfly_object *objects, size_t count, const char *label)
{
	float best = 0;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(objects[i].label, label))
			best = fmaxf(best, objects[i].score);
	return best;
}

static void check_dog_photo(const struct mayfly_object *objects, size_t count)
{
	CHECK(best_score(objects, count, "dog") > 0.5f);
	CHECK(best_score(objects, count, "bicycle") > 0.5f);
	CHECK(fmaxf(best_score(objects, count, "car"), best_score(objects, count, "truck")) > 0.5f);
	for (size_t i = 0; i < count; i++) {
		const struct mayfly_object *object = &objects[i];
		CHECK(object->width > 0 && object->height > 0);
		CHECK(object->x >= 0 && object->x + object->width <= 1.0001f);
		CHECK(object->y >= 0 && object->y + object->height <= 1.0001f);
		CHECK(i == 0 || objects[i - 1].score >= object->score);
		if (!strcmp(object->label, "dog")) /* where it sits in that photograph */
			CHECK(fabsf(object->x - 0.17f) < 0.05f &&
			      fabsf(object->y - 0.38f) < 0.05f &&
			      fabsf(object->width - 0.24f) < 0.05f &&
			      fabsf(object->height - 0.56f) < 0.05f);
	}
}

/* To the last bit: the same picture gives the same answer. */
static bool same_object(const struct mayfly_object *a, const struct mayfly_object *b)
{
	return !strcmp(a->label, b->label) && a->score == b->score && a->x == b->x &&
	       a->y == b->y && a->width == b->width && a->height == b->height;
}

static void test_detection(struct vaccel_session *session, const struct photo *dog)
{
	struct mayfly_object objects[OBJECTS_MAX], again[OBJECTS_MAX];
	size_t count, again_count;
	memset(objects, 0, sizeof(objects));
	memset(again, 0, sizeof(again));
	CHECK_NUMBER(
	    mayfly_detect_objects(session, dog->data, dog->length, objects, OBJECTS_MAX, &count),
	    VACCEL_OK);
	check_dog_photo(objects, count);
	CHECK_NUMBER(mayfly_detect_objects(session, dog->data, dog->length, again, OBJECTS_MAX,
					   &again_count),
		     VACCEL_OK);
	CHECK_NUMBER(again_count, count);
	for (size_t i = 0; i < count; i++)
		CHECK(same_object(&objects[i], &again[i]));
	CHECK_NUMBER(mayfly_detect_objects(session, dog->data, dog->length, again, 1, &again_count),
		     VACCEL_OK);
	CHECK_NUMBER(again_count, 1);
	CHECK(same_object(&objects[0], &again[0]));
}

static void test_detection_text(struct vaccel_session *session, const struct photo *dog)
{
	char text[1024], label[64];
	float score, x, y, width, height;
	CHECK_NUMBER(vaccel_image_detection(session, dog->data, (unsigned char *)text, dog->length,
					    sizeof(text)),
		     VACCEL_OK);
	CHECK(strstr(text, "dog 0."));
	CHECK_NUMBER(sscanf(text, "%63s %f %f %f %f %f", label, &score, &x, &y, &width, &height),
		     6);
	CHECK_TEXT(label, "bicycle");
	CHECK(score > 0.5f);
	/* Room for the first line and a half: the first one comes alone. */
	char small[60];
	CHECK_NUMBER(vaccel_image_detection(session, dog->data, (unsigned char *)small, dog->length,
					    sizeof(small)),
		     VACCEL_OK);
	CHECK_NUMBER(strlen(small), strchr(text, '\n') + 1 - text);
	CHECK(!strncmp(small, text, strlen(small)));
}

static void test_png(struct vaccel_session *session, const struct photo *dog)
{
	struct picture image;
	struct error error = {0};
	struct mayfly_object objects[OBJECTS_MAX];
	size_t count = 0;
	if (!CHECK_NUMBER(image_decode(dog->data, dog->length, 0, 0, 0, &image, &error), 0))
		return;
	struct picture_file png = picture_png(image.pixels, image.width, image.height, 3, true);
	CHECK_NUMBER(
	    mayfly_detect_objects(session, png.data, png.length, objects, OBJECTS_MAX, &count),
	    VACCEL_OK);
	check_dog_photo(objects, count);
	free(png.data);
	picture_release(&image);
}

/* However a photograph was stored, people and models see the same in the same places. */
static void test_orientations(struct vaccel_session *session, const struct photo *dog)
{
	struct picture image;
	struct error error = {0};
	if (!CHECK_NUMBER(image_decode(dog->data, dog->length, 0, 0, 0, &image, &error), 0))
		return;
	uint8_t *turned = malloc((size_t)image.width * image.height * 3);
	for (uint8_t orientation = 1; orientation <= 8; orientation++) {
		bool across = orientation >= 5;
		struct mayfly_object objects[OBJECTS_MAX];
		struct mayfly_label labels[2];
		size_t count = 0;
		picture_turn_back(orientation, image.pixels, image.width, image.height, turned);
		struct picture_file file = picture_jpeg(turned, across ? image.height : image.width,
							across ? image.width : image.height, false);
		picture_put_orientation(&file, orientation);
		CHECK_NUMBER(mayfly_detect_objects(session, file.data, file.length, objects,
						   OBJECTS_MAX, &count),
			     VACCEL_OK);
		check_dog_photo(objects, count);
		CHECK_NUMBER(
		    mayfly_classify_labels(session, file.data, file.length, labels, 2, &count),
		    VACCEL_OK);
		CHECK(count == 2 && (!strcmp(labels[0].label, "malamute") ||
				     !strcmp(labels[0].label, "German shepherd")));
		free(file.data);
	}
	free(turned);
	picture_release(&image);
}

static void test_classification(struct vaccel_session *session, const struct photo *dog)
{
	struct mayfly_label labels[5];
	size_t count;
	char text[512];
	CHECK_NUMBER(mayfly_classify_labels(session, dog->data, dog->length, labels, 5, &count),
		     VACCEL_OK);
	if (!CHECK_NUMBER(count, 5))
		return;
	bool breed = false;
	for (size_t i = 0; i < 2; i++)
		breed |= !strcmp(labels[i].label, "malamute") ||
			 !strcmp(labels[i].label, "German shepherd");
	CHECK(breed);
	CHECK(labels[0].score > 0.2f && labels[0].score <= 1);
	CHECK(labels[0].index < 1000);
	CHECK_NUMBER(vaccel_image_classification(session, dog->data, (unsigned char *)text, NULL,
						 dog->length, sizeof(text), 0),
		     VACCEL_OK);
	CHECK(!strncmp(text, labels[0].label, strlen(labels[0].label)));
}

static void test_pose(struct vaccel_session *session, const struct photo *person)
{
	enum { NOSE = 0, LEFT_SHOULDER = 5, LEFT_HIP = 11, LEFT_KNEE = 13, LEFT_ANKLE = 15 };
	struct mayfly_keypoint points[17];
	size_t count;
	CHECK_NUMBER(
	    mayfly_pose_keypoints(session, person->data, person->length, points, 17, &count),
	    VACCEL_OK);
	if (!CHECK_NUMBER(count, 17))
		return;
	CHECK_TEXT(points[NOSE].name, "nose");
	/* The person stands upright in the picture's left half. */
	CHECK(points[NOSE].y < points[LEFT_SHOULDER].y);
	CHECK(points[LEFT_SHOULDER].y < points[LEFT_HIP].y);
	CHECK(points[LEFT_HIP].y < points[LEFT_KNEE].y);
	CHECK(points[LEFT_KNEE].y < points[LEFT_ANKLE].y);
	for (size_t i = 0; i < count; i++)
		CHECK(points[i].x > 0.25f && points[i].x < 0.45f && points[i].score > 0.1f);
}

static void test_segmentation(struct vaccel_session *session, const struct photo *person)
{
	static uint8_t pixels[256 * 256];
	struct mayfly_mask mask = {.pixels = pixels, .room = sizeof(pixels)};
	CHECK_NUMBER(mayfly_segment_mask(session, person->data, person->length, &mask), VACCEL_OK);
	CHECK_NUMBER(mask.width, 256);
	CHECK_NUMBER(mask.height, 256);
	size_t inside = 0, on_person = 0;
	for (size_t i = 0; i < sizeof(pixels); i++) {
		inside += pixels[i] > 128;
		on_person += pixels[i] > 128 && i % 256 > 60 && i % 256 < 190;
	}
	CHECK(inside > sizeof(pixels) / 100 && inside < sizeof(pixels) / 2);
	CHECK(on_person > inside * 9 / 10);
	mask.room = 1000;
	CHECK_NUMBER(mayfly_segment_mask(session, person->data, person->length, &mask),
		     VACCEL_ENOSPC);
}

/* The one face among the photographs that looks at us is that of Munch's Scream. The model is made
 * for faces near a camera: it gets the square of the painting around it. */
enum { SQUARE = 120, SQUARE_LEFT = 130, SQUARE_TOP = 180, FACE_X = 184, FACE_Y = 251 };

static struct picture_file face_square(const struct photo *scream)
{
	struct picture image;
	struct error error = {0};
	static uint8_t square[SQUARE * SQUARE * 3];
	if (!CHECK_NUMBER(image_decode(scream->data, scream->length, 0, 0, 0, &image, &error), 0))
		return (struct picture_file){0};
	for (unsigned y = 0; y < SQUARE; y++)
		memcpy(square + (size_t)y * SQUARE * 3,
		       image.pixels + ((size_t)(SQUARE_TOP + y) * image.width + SQUARE_LEFT) * 3,
		       sizeof(square) / SQUARE);
	picture_release(&image);
	return picture_png(square, SQUARE, SQUARE, 3, false);
}

static void test_faces(const struct photo *scream)
{
	struct vaccel_session session;
	struct vaccel_resource model;
	struct mayfly_object faces[OBJECTS_MAX];
	size_t count = 0;
	struct picture_file square = face_square(scream);
	session_open(&session);
	CHECK_NUMBER(vaccel_resource_init(&model, "model:face", VACCEL_RESOURCE_MODEL), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&model, &session), VACCEL_OK);
	CHECK_NUMBER(
	    mayfly_detect_objects(&session, square.data, square.length, faces, OBJECTS_MAX, &count),
	    VACCEL_OK);
	if (CHECK_NUMBER(count, 1)) {
		CHECK_TEXT(faces[0].label, "face");
		CHECK(faces[0].score > 0.5f && faces[0].score < 1);
		float x = SQUARE_LEFT + (faces[0].x + faces[0].width / 2) * SQUARE;
		float y = SQUARE_TOP + (faces[0].y + faces[0].height / 2) * SQUARE;
		CHECK(fabsf(x - FACE_X) < 10 && fabsf(y - FACE_Y) < 10);
	}
	/* The session's model is for detection, whatever is asked for. */
	struct mayfly_label label;
	CHECK_NUMBER(
	    mayfly_classify_labels(&session, square.data, square.length, &label, 1, &count),
	    VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_release(&model), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	free(square.data);
}

static void test_bad_pictures(struct vaccel_session *session, const struct photo *dog)
{
	struct mayfly_object objects[OBJECTS_MAX];
	size_t count = 1;
	CHECK_NUMBER(mayfly_detect_objects(session, "no picture", 10, objects, OBJECTS_MAX, &count),
		     VACCEL_EINVAL);
	struct picture_file bomb = picture_png_header(60000, 60000);
	uint64_t start = used_ns();
	CHECK_NUMBER(
	    mayfly_detect_objects(session, bomb.data, bomb.length, objects, OBJECTS_MAX, &count),
	    VACCEL_EINVAL);
	CHECK(used_ns() - start < NANOSECONDS_PER_SECOND / 10);
	free(bomb.data);
	/* What a viewer would show of a truncated photograph is looked at. */
	CHECK_NUMBER(mayfly_detect_objects(session, dog->data, dog->length * 9 / 10, objects,
					   OBJECTS_MAX, &count),
		     VACCEL_OK);
	CHECK(best_score(objects, count, "bicycle") > 0.5f);
}

static void test_deadline(struct vaccel_session *session, const struct photo *dog)
{
	struct mayfly_object objects[OBJECTS_MAX];
	size_t count;
	const uint64_t milliseconds[] = {0, 1, 4};
	for (size_t i = 0; i < ARRAY_SIZE(milliseconds); i++) {
		mayfly_op_set_deadline(clock_now_ns() + milliseconds[i] * 1000000);
		CHECK_NUMBER(mayfly_detect_objects(session, dog->data, dog->length, objects,
						   OBJECTS_MAX, &count),
			     VACCEL_EAGAIN);
	}
	mayfly_op_set_deadline(clock_now_ns() + 60 * NANOSECONDS_PER_SECOND);
	CHECK_NUMBER(
	    mayfly_detect_objects(session, dog->data, dog->length, objects, OBJECTS_MAX, &count),
	    VACCEL_OK);
	mayfly_op_set_deadline(0);
}

static void *detect_repeatedly(void *argument)
{
	const struct photo *dog = argument;
	struct vaccel_session session;
	session_open(&session);
	for (int i = 0; i < RUNS_PER_THREAD; i++) {
		struct mayfly_object objects[OBJECTS_MAX];
		size_t count = 0;
		CHECK_NUMBER(mayfly_detect_objects(&session, dog->data, dog->length, objects,
						   OBJECTS_MAX, &count),
			     VACCEL_OK);
		check_dog_photo(objects, count);
	}
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	return NULL;
}

static void test_threads(struct photo *dog)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		CHECK_NUMBER(pthread_create(&threads[i], NULL, detect_repeatedly, dog), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	cache_require("models/ssd/model.onnx");
	cache_require("models/efficientnet-lite0/model.onnx");
	cache_require("models/face/model.onnx");
	cache_require("models/pose/model.onnx");
	cache_require("models/selfie/model.onnx");
	cache_require("photos/dog.jpg");
	struct photo dog = photo_read("photos/dog.jpg"), person = photo_read("photos/person.jpg");
	struct photo scream = photo_read("photos/scream.jpg");
	struct vaccel_session session;
	session_open(&session);
	test_threads(&dog); /* first: all of them find the model not loaded yet */
	test_detection(&session, &dog);
	test_detection_text(&session, &dog);
	test_png(&session, &dog);
	test_orientations(&session, &dog);
	test_classification(&session, &dog);
	test_pose(&session, &person);
	test_segmentation(&session, &person);
	test_faces(&scream);
	test_bad_pictures(&session, &dog);
	test_deadline(&session, &dog);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	free(dog.data);
	free(person.data);
	free(scream.data);
	return check_status();
}
