/* Image ops, by their own names and as genop, and structured results. */
#include "check.h"
#include "mayfly/results.h"
#include "sizes/sizes.h"
#include "vaccel.h"

#define TAG  "This is a dummy classification tag!"
#define NAME "This is a dummy imgname!"

static void test_text(struct vaccel_session *session)
{
	unsigned char text[64], name[64], small[8];
	static int (*const ops[])(struct vaccel_session *, const void *, unsigned char *, size_t,
				  size_t) = {vaccel_image_detection, vaccel_image_segmentation,
					     vaccel_image_pose, vaccel_image_depth};
	CHECK_NUMBER(vaccel_image_classification(session, "image", text, name, 5, sizeof(text),
						 sizeof(name)),
		     VACCEL_OK);
	CHECK_TEXT((char *)text, TAG);
	CHECK_TEXT((char *)name, NAME);
	CHECK_NUMBER(
	    vaccel_image_classification(session, "image", small, NULL, 5, sizeof(small), 0),
	    VACCEL_OK);
	CHECK_TEXT((char *)small, "This is");
	CHECK_NUMBER(vaccel_image_classification(session, NULL, text, name, 5, 64, 64),
		     VACCEL_EINVAL);
	/* Whether that is a picture, the plugin says. */
	CHECK_NUMBER(vaccel_image_classification(session, "image", text, name, 0, 64, 64),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_image_classification(NULL, "image", text, name, 5, 64, 64),
		     VACCEL_EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		memset(name, 0, sizeof(name));
		CHECK_NUMBER(ops[i](session, "image", name, 5, sizeof(name)), VACCEL_OK);
		CHECK_TEXT((char *)name, NAME);
		CHECK_NUMBER(ops[i](session, NULL, name, 5, sizeof(name)), VACCEL_EINVAL);
	}
}

static void test_genop(struct vaccel_session *session)
{
	unsigned char text[64], name[64];
	char image[] = "image";
	uint8_t op = VACCEL_OP_IMAGE_CLASSIFY;
	struct vaccel_arg_array read, write;
	vaccel_arg_array_init(&read, 2);
	vaccel_arg_array_init(&write, 2);
	vaccel_arg_array_add_uint8(&read, &op);
	vaccel_arg_array_add_buffer(&read, image, sizeof(image));
	vaccel_arg_array_add_uchar_array(&write, name, sizeof(name));
	vaccel_arg_array_add_uchar_array(&write, text, sizeof(text));
	CHECK_NUMBER(vaccel_genop(session, read.args, 2, write.args, 2), VACCEL_OK);
	CHECK_TEXT((char *)text, TAG);
	CHECK_TEXT((char *)name, NAME);
	CHECK_NUMBER(write.args[0].size, sizeof(name));
	CHECK_NUMBER(vaccel_genop(session, read.args, 2, write.args, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_genop(session, read.args, 1, write.args, 2), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_genop(session, read.args, -1, write.args, 2), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_genop(session, read.args, 2, NULL, 2), VACCEL_EINVAL);
	op = VACCEL_OP_IMAGE_POSE;
	CHECK_NUMBER(vaccel_genop(session, read.args, 2, write.args, 1), VACCEL_OK);
	op = VACCEL_OP_NOOP;
	CHECK_NUMBER(vaccel_genop(session, read.args, 1, NULL, 0), VACCEL_EINVAL);
	op = VACCEL_OP_FPGA_MMULT;
	CHECK_NUMBER(vaccel_genop(session, read.args, 2, write.args, 1), VACCEL_EINVAL);
	op = 200;
	CHECK_NUMBER(vaccel_genop(session, read.args, 2, write.args, 1), VACCEL_EINVAL);
	vaccel_arg_array_release(&read);
	vaccel_arg_array_release(&write);
}

static void test_results(struct vaccel_session *session)
{
	struct mayfly_object objects[4];
	struct mayfly_label labels[2];
	struct mayfly_keypoint points[17];
	uint8_t pixels[16];
	struct mayfly_mask mask = {.pixels = pixels, .room = sizeof(pixels)};
	size_t count;
	CHECK_NUMBER(mayfly_detect_objects(session, "image", 5, objects, 4, &count), VACCEL_OK);
	CHECK_NUMBER(count, 1);
	CHECK_TEXT(objects[0].label, "dummy");
	CHECK(objects[0].width == 1 && objects[0].score == 1);
	CHECK_NUMBER(mayfly_detect_objects(session, "image", 5, NULL, 0, &count), VACCEL_OK);
	CHECK_NUMBER(count, 0);
	CHECK_NUMBER(mayfly_detect_objects(session, "image", 5, NULL, 4, &count), VACCEL_EINVAL);
	CHECK_NUMBER(mayfly_detect_objects(session, "image", 5, objects, SIZE_MAX / 4, &count),
		     VACCEL_EINVAL);
	CHECK_NUMBER(mayfly_detect_objects(session, NULL, 5, objects, 4, &count), VACCEL_EINVAL);
	CHECK_NUMBER(mayfly_classify_labels(session, "image", 5, labels, 2, &count), VACCEL_OK);
	CHECK_TEXT(labels[0].label, "dummy");
	CHECK_NUMBER(mayfly_pose_keypoints(session, "image", 5, points, 17, &count), VACCEL_OK);
	CHECK_TEXT(points[0].name, "dummy");
	CHECK_NUMBER(mayfly_segment_mask(session, "image", 5, &mask), VACCEL_OK);
	CHECK(mask.width == 1 && mask.height == 1 && pixels[0] == 255);
	mask.room = 0;
	CHECK_NUMBER(mayfly_segment_mask(session, "image", 5, &mask), VACCEL_ENOSPC);
	mayfly_op_set_deadline(12345);
	CHECK_NUMBER(mayfly_op_deadline_ns(), 12345);
	mayfly_op_set_deadline(0);
	CHECK_NUMBER(mayfly_op_deadline_ns(), 0);
}

int main(void)
{
	struct vaccel_session session;
	if (!CHECK(!vaccel_session_init(&session, 0)))
		return check_status();
	test_text(&session);
	test_genop(&session);
	test_results(&session);
	vaccel_session_release(&session);
	return check_status();
}
