/* Memory of decoded pictures; see picture.h. */
#include "picture.h"

#include <errno.h>
#include <stdlib.h>

#include "sizes/sizes.h"

int picture_check_size(uint64_t width, uint64_t height, struct error *error)
{
	if (!width || !height)
		return error_set(error, EINVAL, "the picture has no pixels");
	if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX || width * height > IMAGE_PIXELS_MAX)
		return error_set(
		    error, EFBIG,
		    "the picture is too large: it has %ju x %ju pixels, at most %u are taken, "
		    "and %d on a side",
		    (uintmax_t)width, (uintmax_t)height, IMAGE_PIXELS_MAX, IMAGE_SIDE_MAX);
	return 0;
}

int picture_allocate(struct picture *picture, unsigned width, unsigned height, struct error *error)
{
	size_t size;
	if (mul_overflows((size_t)width * 3, (size_t)height, &size) || !size)
		return error_set(error, EINVAL, "impossible picture of %u x %u pixels", width,
				 height);
	picture->pixels = malloc(size);
	if (!picture->pixels)
		return error_set(error, ENOMEM, "no memory for a picture of %u x %u pixels", width,
				 height);
	picture->width = width;
	picture->height = height;
	return 0;
}

void picture_release(struct picture *picture)
{
	free(picture->pixels);
	picture->pixels = NULL;
}

void picture_shrink(struct picture *picture, unsigned factor)
{
	if (factor < 2 || factor > picture->width || factor > picture->height)
		return;
	unsigned width = picture->width / factor, height = picture->height / factor;
	size_t row_bytes = (size_t)picture->width * 3;
	uint32_t area = (uint32_t)factor * factor;
	uint8_t *out = picture->pixels;
	/* Each output pixel lies at or before the first of its inputs: in place is safe. */
	for (unsigned y = 0; y < height; y++) {
		const uint8_t *rows = picture->pixels + (size_t)y * factor * row_bytes;
		for (unsigned x = 0; x < width; x++) {
			uint32_t red = 0, green = 0, blue = 0;
			for (unsigned j = 0; j < factor; j++) {
				const uint8_t *pixel =
				    rows + j * row_bytes + (size_t)x * factor * 3;
				for (unsigned i = 0; i < factor; i++, pixel += 3) {
					red += pixel[0];
					green += pixel[1];
					blue += pixel[2];
				}
			}
			*out++ = (uint8_t)((red + area / 2) / area);
			*out++ = (uint8_t)((green + area / 2) / area);
			*out++ = (uint8_t)((blue + area / 2) / area);
		}
	}
	picture->width = width;
	picture->height = height;
}
