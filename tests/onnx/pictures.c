/* Makes JPEG and PNG pictures for tests; see pictures.h. */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

#include "jpeg_writer.h"

struct picture_file picture_jpeg(const uint8_t *rgb, unsigned width, unsigned height,
				 bool progressive)
{
	struct jpeg_writer writer;
	jpeg_writer_begin(&writer, width, height, false);
	jpeg_set_quality(&writer.codec, 95, TRUE);
	if (progressive)
		jpeg_simple_progression(&writer.codec);
	jpeg_writer_end(&writer, rgb, (size_t)width * 3);
	return (struct picture_file){writer.data, writer.length};
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

void picture_put_orientation(struct picture_file *picture, uint8_t orientation)
{
	/* After JPEG's head of the segment: a TIFF structure with this one tag. */
	uint8_t segment[] = {0xff, 0xe1, 0, 34, 'E', 'x',	  'i', 'f', 0, 0,    'M', 'M',
			     0,	   42,	 0, 0,	0,   8,		  0,   1,   1, 0x12, 0,	  3,
			     0,	   0,	 0, 1,	0,   orientation, 0,   0,   0, 0,    0,	  0};
	enum { TIFF = 10, TIFF_SIZE = sizeof(segment) - TIFF, PNG_HEADER = 33 };
	uint8_t chunk[8 + TIFF_SIZE + 4] = {0, 0, 0, TIFF_SIZE, 'e', 'X', 'I', 'f'};
	memcpy(chunk + 8, segment + TIFF, TIFF_SIZE);
	put_big_endian(chunk + 8 + TIFF_SIZE, (uint32_t)crc32(0, chunk + 4, 4 + TIFF_SIZE));
	bool is_jpeg = picture->data[0] == 0xff;
	size_t place = is_jpeg ? 2 : PNG_HEADER;
	size_t added = is_jpeg ? sizeof(segment) : sizeof(chunk);
	uint8_t *grown = realloc(picture->data, picture->length + added);
	if (!grown)
		abort();
	memmove(grown + place + added, grown + place, picture->length - place);
	memcpy(grown + place, is_jpeg ? segment : chunk, added);
	picture->data = grown;
	picture->length += added;
}

/* Written as the standard words it: which side of what is seen the first row and the first column
 * of the file are. */
void picture_turn_back(uint8_t orientation, const uint8_t *rgb, unsigned width, unsigned height,
		       uint8_t *out)
{
	bool rows_are_columns = orientation >= 5;
	bool first_row_below = orientation == 3 || orientation == 4; /* or else above */
	bool first_row_right = orientation == 6 || orientation == 7; /* or else left */
	bool first_column_right = orientation == 2 || orientation == 3;
	bool first_column_below = orientation == 7 || orientation == 8;
	unsigned rows = rows_are_columns ? width : height;
	unsigned columns = rows_are_columns ? height : width;
	for (unsigned row = 0; row < rows; row++)
		for (unsigned column = 0; column < columns; column++, out += 3) {
			unsigned x = first_column_right ? width - 1 - column : column;
			unsigned y = first_row_below ? height - 1 - row : row;
			if (rows_are_columns) {
				x = first_row_right ? width - 1 - row : row;
				y = first_column_below ? height - 1 - column : column;
			}
			memcpy(out, rgb + ((size_t)y * width + x) * 3, 3);
		}
}

void picture_quarters(uint8_t *rgb, unsigned width, unsigned height)
{
	static const uint8_t colours[4][3] = {
	    {255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
	for (unsigned y = 0; y < height; y++)
		for (unsigned x = 0; x < width; x++, rgb += 3)
			memcpy(rgb, colours[(y >= height / 2) * 2 + (x >= width / 2)], 3);
}
