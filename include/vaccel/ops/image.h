/* Ops on pictures (JPEG or PNG files in memory) that answer with text. For structured results see
 * mayfly/results.h.
 *
 * Each output is optional (NULL, 0). Text is cut to the room and always ends with a NUL.
 */
#ifndef VACCEL_OPS_IMAGE_H
#define VACCEL_OPS_IMAGE_H

#include <stddef.h>

#include "../export.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

VACCEL_API int vaccel_image_classification(struct vaccel_session *sess, const void *img,
					   unsigned char *out_text, unsigned char *out_imgname,
					   size_t len_img, size_t len_out_text,
					   size_t len_out_imgname);

VACCEL_API int vaccel_image_detection(struct vaccel_session *sess, const void *img,
				      unsigned char *out_imgname, size_t len_img,
				      size_t len_out_imgname);

VACCEL_API int vaccel_image_segmentation(struct vaccel_session *sess, const void *img,
					 unsigned char *out_imgname, size_t len_img,
					 size_t len_out_imgname);

VACCEL_API int vaccel_image_pose(struct vaccel_session *sess, const void *img,
				 unsigned char *out_imgname, size_t len_img,
				 size_t len_out_imgname);

VACCEL_API int vaccel_image_depth(struct vaccel_session *sess, const void *img,
				  unsigned char *out_imgname, size_t len_img,
				  size_t len_out_imgname);

#ifdef __cplusplus
}
#endif

#endif
