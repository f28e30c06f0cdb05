/* The image ops with structured results; see ops_image.h. */
#include "ops_image.h"

#include "decode.h"
#include "util/cleanup.h"
#include "vision.h"

int onnx_detect_objects(struct vaccel_session *session, const void *image, size_t length,
			struct mayfly_object *out, size_t room, size_t *count)
{
	struct error error = {0};
	cleanup(vision_release) struct vision_run run;
	*count = 0;
	int result = vision_execute(session, TASK_DETECT, image, length, &run, &error);
	if (!result)
		result = decode_objects(run.model, run.boxes, run.scores, &run.view, out, room,
					count, &error);
	return onnx_report("detect", result, &error);
}

int onnx_classify_labels(struct vaccel_session *session, const void *image, size_t length,
			 struct mayfly_label *out, size_t room, size_t *count)
{
	struct error error = {0};
	cleanup(vision_release) struct vision_run run;
	*count = 0;
	int result = vision_execute(session, TASK_CLASSIFY, image, length, &run, &error);
	if (!result)
		result = decode_labels(run.model, run.scores, out, room, count, &error);
	return onnx_report("classify", result, &error);
}

int onnx_pose_keypoints(struct vaccel_session *session, const void *image, size_t length,
			struct mayfly_keypoint *out, size_t room, size_t *count)
{
	struct error error = {0};
	cleanup(vision_release) struct vision_run run;
	*count = 0;
	int result = vision_execute(session, TASK_POSE, image, length, &run, &error);
	if (!result)
		result =
		    decode_keypoints(run.model, run.scores, &run.view, out, room, count, &error);
	return onnx_report("pose", result, &error);
}

int onnx_segment_mask(struct vaccel_session *session, const void *image, size_t length,
		      struct mayfly_mask *mask)
{
	struct error error = {0};
	cleanup(vision_release) struct vision_run run;
	int result = vision_execute(session, TASK_SEGMENT, image, length, &run, &error);
	if (!result)
		result = decode_mask(run.model, run.scores, &run.view, mask, &error);
	return onnx_report("segment", result, &error);
}
