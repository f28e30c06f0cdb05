/* Writing JPEG pictures by libjpeg: for tests, and for guests of tests. */
#ifndef MAYFLY_TESTS_JPEG_WRITER_H
#define MAYFLY_TESTS_JPEG_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

struct jpeg_writer {
	struct jpeg_compress_struct codec;
	struct jpeg_error_mgr errors;
	unsigned char *data;
	unsigned long length;
};

/* Sets the usual for a picture, RGB or grey; settings of the codec may then be changed. */
static inline void jpeg_writer_begin(struct jpeg_writer *writer, unsigned width, unsigned height,
				     bool grey)
{
	*writer = (struct jpeg_writer){.data = NULL};
	writer->codec.err = jpeg_std_error(&writer->errors);
	jpeg_create_compress(&writer->codec);
	jpeg_mem_dest(&writer->codec, &writer->data, &writer->length);
	writer->codec.image_width = width;
	writer->codec.image_height = height;
	writer->codec.input_components = grey ? 1 : 3;
	writer->codec.in_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
	jpeg_set_defaults(&writer->codec);
}

/* Writes all rows, each `stride` bytes behind the one before (0: the same). The file is then in
 * `data`, and is to be freed. */
static inline void jpeg_writer_end(struct jpeg_writer *writer, const uint8_t *pixels, size_t stride)
{
	jpeg_start_compress(&writer->codec, TRUE);
	while (writer->codec.next_scanline < writer->codec.image_height) {
		JSAMPROW row = (JSAMPROW)pixels + writer->codec.next_scanline * stride;
		jpeg_write_scanlines(&writer->codec, &row, 1);
	}
	jpeg_finish_compress(&writer->codec);
	jpeg_destroy_compress(&writer->codec);
}

#endif
