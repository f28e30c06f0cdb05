/* The image ops: structured results, and the same as text for the ops of vAccel. */
#ifndef MAYFLY_ONNX_OPS_IMAGE_H
#define MAYFLY_ONNX_OPS_IMAGE_H

#include "mayfly/results.h"

/* The functions of struct mayfly_plugin. */
int onnx_detect_objects(struct vaccel_session *session, const void *image, size_t length,
			struct mayfly_object *out, size_t room, size_t *count);
int onnx_classify_labels(struct vaccel_session *session, const void *image, size_t length,
			 struct mayfly_label *out, size_t room, size_t *count);
int onnx_pose_keypoints(struct vaccel_session *session, const void *image, size_t length,
			struct mayfly_keypoint *out, size_t room, size_t *count);
int onnx_segment_mask(struct vaccel_session *session, const void *image, size_t length,
		      struct mayfly_mask *mask);

/* The ops of vaccel/ops/image.h. Text, one result a line, the label first and then numbers of
 * fixed count (so that a label may hold blanks), cut at a line's end where there is no room:
 *
 *     classification  LABEL SCORE
 *     detection       LABEL SCORE X Y WIDTH HEIGHT
 *     pose            NAME SCORE X Y
 *     segmentation    LABEL SHARE X Y WIDTH HEIGHT     (part of the picture, and the box around it)
 *     depth           mean VALUE, lowest VALUE X Y, highest VALUE X Y
 *
 * Positions and sizes are fractions of the picture. out_imgname, where upstream's plugins name a
 * picture that they drew, holds that text too: Mayfly writes no file for a guest. */
int onnx_image_classification(struct vaccel_session *session, const void *image,
			      unsigned char *out_text, unsigned char *out_imgname, size_t length,
			      size_t text_room, size_t imgname_room);
int onnx_image_detection(struct vaccel_session *session, const void *image,
			 unsigned char *out_imgname, size_t length, size_t room);
int onnx_image_segmentation(struct vaccel_session *session, const void *image,
			    unsigned char *out_imgname, size_t length, size_t room);
int onnx_image_pose(struct vaccel_session *session, const void *image, unsigned char *out_imgname,
		    size_t length, size_t room);
int onnx_image_depth(struct vaccel_session *session, const void *image, unsigned char *out_imgname,
		     size_t length, size_t room);

#endif
