/* Pictures that are much larger than they look; see pictures.h. */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "onnx/jpeg_writer.h"

#define SIDE 65535

static void put_32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* A chunk: length, type, data, check sum. Returns where it ends. */
static uint8_t *put_chunk(uint8_t *at, const char *type, const void *data, size_t length)
{
	put_32(at, (uint32_t)length);
	memcpy(at + 4, type, 4);
	if (length)
		memcpy(at + 8, data, length);
	put_32(at + 8 + length, (uint32_t)crc32(0, at + 4, (uInt)length + 4));
	return at + 12 + length;
}

const uint8_t *picture_bomb_png(size_t *length)
{
	enum { ZEROS = 16 << 20, ROOM = 64 << 10 };
	static uint8_t picture[ROOM], packed[ROOM / 2];
	static const uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	uint8_t header[13] = {[8] = 8, [9] = 2}; /* 8 bits of each colour */
	put_32(header, SIDE);
	put_32(header + 4, SIDE);
	uLongf size = sizeof(packed);
	uint8_t *zeros = calloc(1, ZEROS);
	if (!zeros || compress2(packed, &size, zeros, ZEROS, 9))
		size = 0;
	free(zeros);
	memcpy(picture, signature, sizeof(signature));
	uint8_t *end = put_chunk(picture + sizeof(signature), "IHDR", header, sizeof(header));
	end = put_chunk(end, "IDAT", packed, size);
	end = put_chunk(end, "IEND", NULL, 0);
	*length = (size_t)(end - picture);
	return picture;
}

const uint8_t *picture_bomb_jpeg(uint64_t progressive, size_t *length)
{
	static uint8_t row[3 * 16];
	struct jpeg_writer writer;
	jpeg_writer_begin(&writer, 16, 16, false);
	if (progressive)
		jpeg_simple_progression(&writer.codec);
	jpeg_writer_end(&writer, row, 0);
	unsigned char *picture = writer.data;
	const unsigned long size = writer.length;
	/* Start of frame: marker, length, precision, height, width. */
	for (unsigned long i = 0; i + 9 < size; i++)
		if (picture[i] == 0xff && picture[i + 1] == (progressive ? 0xc2 : 0xc0))
			memset(picture + i + 5, 0xff, 4);
	*length = size;
	return picture;
}
