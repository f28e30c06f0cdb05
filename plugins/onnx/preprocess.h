/* From a picture to a model's input tensor: resizing, normalising, laying out. */
#ifndef MAYFLY_ONNX_PREPROCESS_H
#define MAYFLY_ONNX_PREPROCESS_H

#include "models/description.h"
#include "picture/image.h"

/* Which part of the picture the model's input shows, in fractions of the picture's width and
 * height. With RESIZE_LETTERBOX it reaches beyond the picture, with RESIZE_CROP it is a part. A
 * point (u, v) of the input, 0..1, lies at (x + u * width, y + v * height) of the picture. */
struct preprocess_view {
	float x, y, width, height;
};

void preprocess_view_of(const struct model_description *description, unsigned picture_width,
			unsigned picture_height, struct preprocess_view *view);

/* The size that a picture must at least be decoded to, so that nothing is lost. The picture's own
 * size is not known before it is decoded: the answer holds for every shape of picture. */
void preprocess_wanted_size(const struct model_description *description, unsigned *width,
			    unsigned *height);

/* Bytes of the input tensor. */
size_t preprocess_tensor_size(const struct model_description *description);

/* Fills the input tensor (preprocess_tensor_size() bytes, aligned for its type). The picture is
 * shrunk in place where it is much too large. What lies outside the picture is black. 0 or -ENOMEM.
 */
int preprocess_fill(const struct model_description *description, struct picture *image,
		    const struct preprocess_view *view, void *tensor, struct error *error);

#endif
