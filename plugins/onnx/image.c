/* Pictures: which decoder, limits, shrinking; see image.h. */
#include "image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image_decode.h"
#include "util/checked.h"
#include "util/clock.h"

int image_check_size(uint64_t width, uint64_t height, struct error *error)
{
	if (!width || !height)
		return error_set(error, EINVAL, "the picture has no pixels");
	if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX || width * height > IMAGE_PIXELS_MAX)
		return error_set(
		    error, EFBIG,
		    "the picture is too large: %ju x %ju pixels, at most %u million are "
		    "taken",
		    (uintmax_t)width, (uintmax_t)height, IMAGE_PIXELS_MAX / 1000000);
	return 0;
}

int image_allocate(struct picture *image, unsigned width, unsigned height, struct error *error)
{
	size_t size;
	if (mul_overflows((size_t)width * 3, (size_t)height, &size) || !size)
		return error_set(error, EINVAL, "impossible picture of %u x %u pixels", width,
				 height);
	image->pixels = malloc(size);
	if (!image->pixels)
		return error_set(error, ENOMEM, "no memory for a picture of %u x %u pixels", width,
				 height);
	image->width = width;
	image->height = height;
	return 0;
}

bool image_is_late(const struct image_request *request)
{
	return request->deadline_ns && clock_now_ns() >= request->deadline_ns;
}

int image_decode(const uint8_t *data, size_t length, unsigned wanted_width, unsigned wanted_height,
		 uint64_t deadline_ns, struct picture *image, struct error *error)
{
	static const uint8_t jpeg_signature[] = {0xff, 0xd8, 0xff};
	static const uint8_t png_signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	memset(image, 0, sizeof(*image));
	if (!length)
		return error_set(error, EINVAL, "the picture is empty");
	if (length > IMAGE_BYTES_MAX)
		return error_set(error, EFBIG, "the picture has %zu bytes, at most %lu are taken",
				 length, IMAGE_BYTES_MAX);
	struct image_request request = {data, length, wanted_width, wanted_height, deadline_ns};
	int result;
	if (length > sizeof(jpeg_signature) &&
	    !memcmp(data, jpeg_signature, sizeof(jpeg_signature)))
		result = image_decode_jpeg(&request, image, error);
	else if (length > sizeof(png_signature) &&
		 !memcmp(data, png_signature, sizeof(png_signature)))
		result = image_decode_png(&request, image, error);
	else
		result = error_set(error, EINVAL, "the %zu bytes given are no JPEG or PNG picture",
				   length);
	if (result)
		picture_release(image);
	return result;
}

void image_shrink(struct picture *image, unsigned factor)
{
	if (factor < 2 || factor > image->width || factor > image->height)
		return;
	unsigned width = image->width / factor, height = image->height / factor;
	size_t row_bytes = (size_t)image->width * 3;
	uint32_t area = (uint32_t)factor * factor;
	uint8_t *out = image->pixels;
	/* Each output pixel lies at or before the first of its inputs: in place is safe. */
	for (unsigned y = 0; y < height; y++) {
		const uint8_t *rows = image->pixels + (size_t)y * factor * row_bytes;
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
	image->width = width;
	image->height = height;
}

void picture_release(struct picture *image)
{
	free(image->pixels);
	image->pixels = NULL;
}
