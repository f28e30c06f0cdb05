/* Pictures to tensors: geometry, normalising, layouts. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "pictures.h"
#include "preprocess.h"

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-4;
}

static struct model_description description_of(unsigned width, unsigned height)
{
	return (struct model_description){
	    .width = width, .height = height, .scale = {1, 1, 1}, .crop = 1};
}

static void check_view(enum resize_mode mode, float crop, unsigned width, unsigned height, double x,
		       double y, double view_width, double view_height)
{
	struct model_description description = description_of(100, 100);
	struct preprocess_view view;
	description.resize = mode;
	description.crop = crop;
	preprocess_view_of(&description, width, height, &view);
	CHECK(near(view.x, x));
	CHECK(near(view.y, y));
	CHECK(near(view.width, view_width));
	CHECK(near(view.height, view_height));
}

static void test_views(void)
{
	check_view(RESIZE_STRETCH, 1, 640, 480, 0, 0, 1, 1);
	check_view(RESIZE_CROP, 1, 800, 400, 0.25, 0, 0.5, 1);
	check_view(RESIZE_CROP, 0.5, 400, 800, 0.25, 0.375, 0.5, 0.25);
	check_view(RESIZE_LETTERBOX, 1, 800, 400, 0, -0.5, 1, 2);
	check_view(RESIZE_LETTERBOX, 1, 400, 800, -0.5, 0, 2, 1);
}

/* Fills a tensor from the picture of four colours. */
static void *fill(const struct model_description *description, unsigned width, unsigned height)
{
	struct picture image = {malloc((size_t)width * height * 3), width, height, width, height};
	void *tensor = malloc(preprocess_tensor_size(description));
	struct preprocess_view view;
	struct error error = {0};
	picture_quarters(image.pixels, width, height);
	preprocess_view_of(description, width, height, &view);
	CHECK_NUMBER(preprocess_fill(description, &image, &view, tensor, &error), 0);
	picture_release(&image);
	return tensor;
}

static void test_nhwc(unsigned picture_width, unsigned picture_height)
{
	struct model_description description = description_of(8, 4);
	float *tensor = fill(&description, picture_width, picture_height);
	static const float corners[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
	static const size_t places[4] = {0, 7, 24, 31}; /* pixels in rows of 8 */
	for (size_t i = 0; i < 4; i++)
		for (size_t channel = 0; channel < 3; channel++)
			CHECK(near(tensor[places[i] * 3 + channel], corners[i][channel]));
	free(tensor);
}

static void test_nchw_normalised(void)
{
	struct model_description description = description_of(8, 4);
	description.layout = LAYOUT_NCHW;
	description.order = ORDER_BGR;
	description.mean[0] = 127.5f;
	description.scale[0] = 2 / 255.0f;
	description.scale[2] = 10;
	float *tensor = fill(&description, 64, 64);
	/* Upper left is red: blue comes first, normalised to -1; red last, times 10. */
	CHECK(near(tensor[0], -1));
	CHECK(near(tensor[32], 0));
	CHECK(near(tensor[64], 2550));
	CHECK(near(tensor[31], 1)); /* white */
	free(tensor);
}

static void test_integers(void)
{
	struct model_description description = description_of(8, 4);
	description.type = INPUT_INT32;
	int32_t *wide = fill(&description, 33, 17);
	CHECK(wide[0] == 255 && wide[1] == 0 && wide[2] == 0);
	free(wide);
	description.type = INPUT_UINT8;
	CHECK_NUMBER(preprocess_tensor_size(&description), 96);
	uint8_t *narrow = fill(&description, 33, 17);
	CHECK(narrow[93] == 255 && narrow[94] == 255 && narrow[95] == 255);
	free(narrow);
}

static void test_letterbox_is_black_outside(void)
{
	struct model_description description = description_of(8, 8);
	description.resize = RESIZE_LETTERBOX;
	float *tensor = fill(&description, 80, 40);	     /* rows of 24 values */
	CHECK(near(tensor[0], 0) && near(tensor[1], 0));     /* above */
	CHECK(near(tensor[48], 255));			     /* first row: red */
	CHECK(near(tensor[120 + 21], 255));		     /* last row: white */
	CHECK(near(tensor[144], 0) && near(tensor[146], 0)); /* below */
	free(tensor);
}

/* Halfway between two pixels lies their mean. */
static void test_interpolation(void)
{
	struct model_description description = description_of(3, 1);
	uint8_t pixels[] = {0, 0, 0, 200, 100, 50};
	struct picture image = {pixels, 2, 1, 2, 1};
	struct preprocess_view view = {0, 0, 1, 1};
	struct error error = {0};
	float tensor[9];
	CHECK_NUMBER(preprocess_fill(&description, &image, &view, tensor, &error), 0);
	CHECK(near(tensor[0], 0));
	CHECK(near(tensor[3], 100) && near(tensor[4], 50) && near(tensor[5], 25));
	CHECK(near(tensor[6], 200));
}

int main(void)
{
	test_views();
	test_nhwc(8, 4);
	test_nhwc(64, 64); /* averaged first */
	test_nhwc(6, 4);
	test_nhwc(2, 2); /* enlarged */
	test_nchw_normalised();
	test_integers();
	test_letterbox_is_black_outside();
	test_interpolation();
	return check_status();
}
