/* Decoding pictures: which decoder, and turning; see image.h. */
#include "image.h"

#include <errno.h>
#include <string.h>

#include "decoders.h"
#include "mayfly/orientation.h"

static bool is_across(unsigned orientation)
{
	return orientation >= 5;
}

static void swap(unsigned *a, unsigned *b)
{
	unsigned other = *a;
	*a = *b;
	*b = other;
}

/* From how it was coded to how people see it. */
static int turn(struct picture *image, unsigned orientation, struct error *error)
{
	struct picture turned = *image;
	if (orientation == 1)
		return 0;
	if (is_across(orientation)) {
		swap(&turned.width, &turned.height);
		swap(&turned.coded_width, &turned.coded_height);
	}
	int result = picture_allocate(&turned, turned.width, turned.height, error);
	if (result)
		return result;
	mayfly_picture_turn(orientation, image->pixels, image->width, image->height, 3,
			    turned.pixels);
	picture_release(image);
	*image = turned;
	return 0;
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
	unsigned orientation = mayfly_picture_orientation(data, length);
	struct image_request request = {data, length, wanted_width, wanted_height, deadline_ns};
	if (is_across(orientation))
		swap(&request.wanted_width, &request.wanted_height);
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
	if (!result)
		result = turn(image, orientation, error);
	if (result)
		picture_release(image);
	return result;
}
