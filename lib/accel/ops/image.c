/* Image ops that answer with text. */
#include "vaccel/ops/image.h"

#include "accel/ops/dispatch.h"
#include "vaccel/op.h"

/* Whether a picture without bytes is one is the plugin's affair. */
static struct vaccel_arg image_argument(const void *image, size_t length)
{
	return (struct vaccel_arg){.buf = (void *)image, .size = length, .type = VACCEL_ARG_BUFFER};
}

/* If the pointer or the length is missing, the caller does not want the text. */
static struct vaccel_arg text_argument(unsigned char *text, size_t room)
{
	return (struct vaccel_arg){
	    .buf = room ? text : NULL, .size = text ? room : 0, .type = VACCEL_ARG_UCHAR_ARRAY};
}

int vaccel_image_classification(struct vaccel_session *sess, const void *img,
				unsigned char *out_text, unsigned char *out_imgname, size_t len_img,
				size_t len_out_text, size_t len_out_imgname)
{
	struct vaccel_arg input = image_argument(img, len_img);
	struct vaccel_arg outputs[] = {text_argument(out_imgname, len_out_imgname),
				       text_argument(out_text, len_out_text)};
	return mayfly_op_dispatch(sess, VACCEL_OP_IMAGE_CLASSIFY, &input, 1, outputs, 2, NULL);
}

static int image_text(struct vaccel_session *session, vaccel_op_type_t op, const void *image,
		      size_t length, unsigned char *text, size_t room)
{
	struct vaccel_arg input = image_argument(image, length);
	struct vaccel_arg output = text_argument(text, room);
	return mayfly_op_dispatch(session, (uint16_t)op, &input, 1, &output, 1, NULL);
}

int vaccel_image_detection(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
			   size_t len_img, size_t len_out_imgname)
{
	return image_text(sess, VACCEL_OP_IMAGE_DETECT, img, len_img, out_imgname, len_out_imgname);
}

int vaccel_image_segmentation(struct vaccel_session *sess, const void *img,
			      unsigned char *out_imgname, size_t len_img, size_t len_out_imgname)
{
	return image_text(sess, VACCEL_OP_IMAGE_SEGMENT, img, len_img, out_imgname,
			  len_out_imgname);
}

int vaccel_image_pose(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		      size_t len_img, size_t len_out_imgname)
{
	return image_text(sess, VACCEL_OP_IMAGE_POSE, img, len_img, out_imgname, len_out_imgname);
}

int vaccel_image_depth(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		       size_t len_img, size_t len_out_imgname)
{
	return image_text(sess, VACCEL_OP_IMAGE_DEPTH, img, len_img, out_imgname, len_out_imgname);
}
