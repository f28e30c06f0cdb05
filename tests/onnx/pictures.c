/* Makes JPEG and PNG pictures for tests; see pictures.h. */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

struct picture_file picture_jpeg(const uint8_t *rgb, unsigned width, unsigned height,
				 bool progressive)
{
	struct jpeg_compress_struct compress;
	struct jpeg_error_mgr errors;
	unsigned char *data = NULL;
	unsigned long length = 0;
	compress.err = jpeg_std_error(&errors);
	jpeg_create_compress(&compress);
	jpeg_mem_dest(&compress, &data, &length);
	compress.image_width = width;
	compress.image_height = height;
	compress.input_components = 3;
	compress.in_color_space = JCS_RGB;
	jpeg_set_defaults(&compress);
	jpeg_set_quality(&compress, 95, TRUE);
	if (progressive)
		jpeg_simple_progression(&compress);
	jpeg_start_compress(&compress, TRUE);
	for (unsigned y = 0; y < height; y++) {
		JSAMPROW row = (JSAMPROW)(rgb + (size_t)y * width * 3);
		jpeg_write_scanlines(&compress, &row, 1);
	}
	jpeg_finish_compress(&compress);
	jpeg_destroy_compress(&compress);
	return (struct picture_file){data, length};
}

static void append(png_structp png, png_bytep data, size_t length)
{
	struct picture_file *picture = png_get_io_ptr(png);
	uint8_t *grown = realloc(picture->data, picture->length + length);
	if (!grown)
		png_error(png, "no memory");
	memcpy(grown + picture->length, data, length);
	picture->data = grown;
	picture->length += length;
}

struct picture_file picture_png(const uint8_t *pixels, unsigned width, unsigned height,
				unsigned channels, bool interlaced)
{
	static const int types[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
				    PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
	struct picture_file picture = {0};
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	png_set_write_fn(png, &picture, append, NULL);
	png_set_IHDR(png, info, width, height, 8, types[channels],
		     interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	int passes = png_set_interlace_handling(png);
	for (int pass = 0; pass < passes; pass++)
		for (unsigned y = 0; y < height; y++)
			png_write_row(png, pixels + (size_t)y * width * channels);
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	return picture;
}

static void put_big_endian(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (24 - 8 * i));
}

struct picture_file picture_png_header(uint32_t width, uint32_t height)
{
	static const uint8_t start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
					0,    0,   0,	13,  'I',  'H',	 'D',  'R'};
	static const uint8_t image_data[] = {'I', 'D', 'A', 'T'};
	/* After the sizes: 8 bits, RGB, the usual compression and filter, not interlaced. The CRC
	 * covers the chunk's name and data. Then image data begins, and is missing. */
	enum { SIZE = sizeof(start) + 13 + 4 + 8 };
	uint8_t *data = calloc(1, SIZE);
	if (!data)
		return (struct picture_file){0};
	memcpy(data, start, sizeof(start));
	put_big_endian(data + 16, width);
	put_big_endian(data + 20, height);
	data[24] = 8;
	data[25] = 2;
	put_big_endian(data + 29, (uint32_t)crc32(0, data + 12, 17));
	put_big_endian(data + 33, 1000);
	memcpy(data + 37, image_data, sizeof(image_data));
	return (struct picture_file){data, SIZE};
}

void picture_quarters(uint8_t *rgb, unsigned width, unsigned height)
{
	static const uint8_t colours[4][3] = {
	    {255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
	for (unsigned y = 0; y < height; y++)
		for (unsigned x = 0; x < width; x++, rgb += 3)
			memcpy(rgb, colours[(y >= height / 2) * 2 + (x >= width / 2)], 3);
}
