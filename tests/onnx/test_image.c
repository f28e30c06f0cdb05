/* Decoding pictures: what is accepted, what is refused and how fast. */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "picture/image.h"
#include "pictures.h"
#include "used_time.h"
#include "util/clock.h"

enum { WIDTH = 96, HEIGHT = 64 };

static uint8_t quarters[WIDTH * HEIGHT * 3];

/* The colour at a fraction of the picture, within what lossy coding changes. */
static bool has_colour(const struct picture *image, double x, double y, int red, int green,
		       int blue)
{
	const uint8_t *pixel =
	    image->pixels +
	    ((size_t)(y * image->height) * image->width + (size_t)(x * image->width)) * 3;
	return abs(pixel[0] - red) < 16 && abs(pixel[1] - green) < 16 && abs(pixel[2] - blue) < 16;
}

static bool is_quarters(const struct picture *image)
{
	return has_colour(image, 0.2, 0.2, 255, 0, 0) && has_colour(image, 0.8, 0.2, 0, 255, 0) &&
	       has_colour(image, 0.2, 0.8, 0, 0, 255) && has_colour(image, 0.8, 0.8, 255, 255, 255);
}

static void check_decodes(struct picture_file picture, unsigned wanted_width,
			  unsigned wanted_height, unsigned width, unsigned height)
{
	struct picture image;
	struct error error = {0};
	if (CHECK_NUMBER(image_decode(picture.data, picture.length, wanted_width, wanted_height, 0,
				      &image, &error),
			 0)) {
		CHECK_NUMBER(image.width, width);
		CHECK_NUMBER(image.height, height);
		CHECK_NUMBER(image.coded_width, WIDTH);
		CHECK_NUMBER(image.coded_height, HEIGHT);
		CHECK(is_quarters(&image));
		picture_release(&image);
	}
	free(picture.data);
}

static void check_refused(struct picture_file picture, int wanted, const char *message)
{
	struct picture image;
	struct error error = {0};
	uint64_t start = used_ns();
	CHECK_NUMBER(image_decode(picture.data, picture.length, 0, 0, 0, &image, &error), wanted);
	CHECK(strstr(error.text, message));
	CHECK(!strchr(error.text, '\n'));
	CHECK(!image.pixels);
	CHECK(used_ns() - start < NANOSECONDS_PER_SECOND / 10);
	free(picture.data);
}

static void test_good(void)
{
	check_decodes(picture_jpeg(quarters, WIDTH, HEIGHT, false), 0, 0, WIDTH, HEIGHT);
	check_decodes(picture_jpeg(quarters, WIDTH, HEIGHT, true), 0, 0, WIDTH, HEIGHT);
	check_decodes(picture_png(quarters, WIDTH, HEIGHT, 3, false), 0, 0, WIDTH, HEIGHT);
	check_decodes(picture_png(quarters, WIDTH, HEIGHT, 3, true), 0, 0, WIDTH, HEIGHT);
}

/* A smaller picture will do: never smaller than asked for, on either side. */
static void test_scaled(void)
{
	check_decodes(picture_jpeg(quarters, WIDTH, HEIGHT, false), 40, 30, 48, 32);
	check_decodes(picture_jpeg(quarters, WIDTH, HEIGHT, false), 40, 33, WIDTH, HEIGHT);
	check_decodes(picture_jpeg(quarters, WIDTH, HEIGHT, false), 12, 8, 12, 8);
	check_decodes(picture_png(quarters, WIDTH, HEIGHT, 3, false), 30, 30, 48, 32);
	check_decodes(picture_png(quarters, WIDTH, HEIGHT, 3, false), 500, 500, WIDTH, HEIGHT);
}

/* In all orientations the same is seen: JPEG and PNG, scaled down or not, interlaced or not. */
static void test_orientations(void)
{
	static uint8_t turned[sizeof(quarters)];
	for (uint8_t orientation = 1; orientation <= 8; orientation++) {
		bool across = orientation >= 5;
		unsigned width = across ? HEIGHT : WIDTH, height = across ? WIDTH : HEIGHT;
		picture_turn_back(orientation, quarters, WIDTH, HEIGHT, turned);
		for (int kind = 0; kind < 8; kind++) {
			bool is_scaled = kind & 4;
			struct picture_file file =
			    kind & 1 ? picture_png(turned, width, height, 3, kind & 2)
				     : picture_jpeg(turned, width, height, kind & 2);
			picture_put_orientation(&file, orientation);
			check_decodes(file, is_scaled ? 40 : 0, is_scaled ? 30 : 0,
				      is_scaled ? 48 : WIDTH, is_scaled ? 32 : HEIGHT);
		}
	}
}

static void test_transparency(void)
{
	static const uint8_t pixels[] = {200, 100, 50, 255, 200, 100, 50, 0, 200, 100, 50, 128};
	struct picture_file picture = picture_png(pixels, 3, 1, 4, false);
	struct picture image;
	struct error error = {0};
	if (CHECK_NUMBER(image_decode(picture.data, picture.length, 0, 0, 0, &image, &error), 0)) {
		static const uint8_t wanted[] = {200, 100, 50, 0, 0, 0, 100, 50, 25};
		CHECK(!memcmp(image.pixels, wanted, sizeof(wanted)));
		picture_release(&image);
	}
	free(picture.data);
}

static struct picture_file copy_of(const void *data, size_t length)
{
	struct picture_file picture = {malloc(length + 1), length};
	if (picture.data)
		memcpy(picture.data, data, length);
	return picture;
}

static void test_refused(void)
{
	check_refused(copy_of("", 0), -EINVAL, "empty");
	check_refused(copy_of("hello, this is no picture", 25), -EINVAL, "no JPEG or PNG");
	check_refused(copy_of("\xff\xd8\xff", 3), -EINVAL, "no JPEG or PNG");
	check_refused(copy_of("\xff\xd8\xff\xe0 and then nothing", 20), -EINVAL, "broken JPEG");
	check_refused(picture_png_header(65535, 65535), -EINVAL, "broken PNG");
	check_refused(picture_png_header(60000, 60000), -EFBIG,
		      "too large: it has 60000 x 60000 pixels, at most 67108864 are taken");
	check_refused(picture_png_header(64, 64), -EINVAL, "broken PNG");

	struct picture_file bomb = picture_jpeg(quarters, WIDTH, HEIGHT, false);
	/* The frame header: FFC0, length, precision, height, width. */
	for (size_t i = 0; i + 9 < bomb.length; i++) {
		if (bomb.data[i] == 0xff && bomb.data[i + 1] == 0xc0) {
			memset(bomb.data + i + 5, 0xfe, 4);
			break;
		}
	}
	check_refused(bomb, -EFBIG, "too large");
}

/* Half of a JPEG still shows its upper half, as viewers do; half of a PNG is an error. */
static void test_truncated(void)
{
	struct picture_file picture = picture_jpeg(quarters, WIDTH, HEIGHT, false);
	struct picture image;
	struct error error = {0};
	if (CHECK_NUMBER(image_decode(picture.data, picture.length - 60, 0, 0, 0, &image, &error),
			 0)) {
		CHECK(has_colour(&image, 0.2, 0.1, 255, 0, 0));
		picture_release(&image);
	}
	for (size_t length = 0; length < picture.length; length += 7) {
		if (!image_decode(picture.data, length, 0, 0, 0, &image, &error))
			CHECK(image.width == WIDTH && image.height == HEIGHT);
		picture_release(&image);
	}
	free(picture.data);
	picture = picture_png(quarters, WIDTH, HEIGHT, 3, false);
	picture.length /= 2;
	check_refused(picture, -EINVAL, "broken PNG");
}

static void test_deadline(void)
{
	struct picture_file pictures[] = {picture_jpeg(quarters, WIDTH, HEIGHT, true),
					  picture_png(quarters, WIDTH, HEIGHT, 3, false)};
	for (size_t i = 0; i < 2; i++) {
		struct picture image;
		struct error error = {0};
		CHECK_NUMBER(image_decode(pictures[i].data, pictures[i].length, 0, 0,
					  clock_now_ns() - 1, &image, &error),
			     -ETIMEDOUT);
		CHECK(!image.pixels);
		free(pictures[i].data);
	}
}

static void test_shrink(void)
{
	uint8_t pixels[] = {0, 0, 0, 10, 20, 30, 99, 99, 99, 20, 40, 60, 30, 60, 90, 99, 99, 99};
	struct picture image = {.pixels = pixels, .width = 3, .height = 2};
	picture_shrink(&image, 2);
	CHECK_NUMBER(image.width, 1);
	CHECK_NUMBER(image.height, 1);
	CHECK(pixels[0] == 15 && pixels[1] == 30 && pixels[2] == 45);
	picture_shrink(&image, 2); /* cannot get smaller */
	CHECK_NUMBER(image.width, 1);
}

int main(void)
{
	picture_quarters(quarters, WIDTH, HEIGHT);
	test_good();
	test_scaled();
	test_orientations();
	test_transparency();
	test_refused();
	test_truncated();
	test_deadline();
	test_shrink();
	return check_status();
}
