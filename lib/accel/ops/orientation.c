/* EXIF orientation; see mayfly/orientation.h.
 *
 * A reader of its own and not libexif: of some hundred tags one is wanted, in the accelerator host,
 * out of files from strangers, and also in static programs of guests. What is not here cannot be
 * attacked. The same files give the same answer as Pillow's exif_transpose().
 */
#include "mayfly/orientation.h"

#include <stdbool.h>
#include <string.h>

enum { ORIENTATION_MAX = 8 };

static const char exif_name[6] = "Exif";

/* Bytes of a file that are looked at. */
struct span {
	const uint8_t *data;
	size_t length;
};

static uint32_t read_number(const uint8_t *data, unsigned bytes, bool big_endian)
{
	uint32_t number = 0;
	for (unsigned i = 0; i < bytes; i++)
		number |= (uint32_t)data[i] << 8 * (big_endian ? bytes - 1 - i : i);
	return number;
}

static bool begins_with(struct span span, const void *text, size_t length)
{
	return span.length >= length && !memcmp(span.data, text, length);
}

static struct span span_from(struct span span, size_t offset)
{
	return (struct span){span.data + offset, span.length - offset};
}

/* The tag in the first directory of a TIFF structure; 0 where there is none. */
static unsigned exif_orientation(struct span tiff)
{
	enum { HEADER = 8, ENTRY = 12, TAG = 0x0112, SHORT = 3, LONG = 4 };
	bool big_endian = begins_with(tiff, "MM", 2);
	unsigned found = 0;
	if (tiff.length < HEADER || (!big_endian && !begins_with(tiff, "II", 2)) ||
	    read_number(tiff.data + 2, 2, big_endian) != 42)
		return 0;
	size_t directory = read_number(tiff.data + 4, 4, big_endian);
	if (directory > tiff.length || tiff.length - directory < 2)
		return 0;
	struct span entries = span_from(tiff, directory + 2);
	size_t count = read_number(tiff.data + directory, 2, big_endian);
	for (; count && entries.length >= ENTRY; count--, entries = span_from(entries, ENTRY)) {
		unsigned type = read_number(entries.data + 2, 2, big_endian);
		if (read_number(entries.data, 2, big_endian) != TAG ||
		    (type != SHORT && type != LONG) ||
		    read_number(entries.data + 4, 4, big_endian) != 1)
			continue;
		uint32_t value = read_number(entries.data + 8, type == SHORT ? 2 : 4, big_endian);
		found = value >= 1 && value <= ORIENTATION_MAX ? value : 1;
	}
	return found;
}

/* tiff:Orientation as an attribute or an element; 0 where there is none. */
static unsigned xmp_orientation(struct span xmp)
{
	static const char name[] = "tiff:Orientation";
	enum { NAME = sizeof(name) - 1 };
	while (xmp.length > NAME) {
		const uint8_t *at = memmem(xmp.data, xmp.length, name, NAME);
		if (!at)
			break;
		xmp = span_from(xmp, (size_t)(at - xmp.data) + NAME);
		size_t skip = begins_with(xmp, "=\"", 2) ? 2 : begins_with(xmp, ">", 1) ? 1 : 0;
		if (skip && xmp.length > skip && xmp.data[skip] >= '0' && xmp.data[skip] <= '9') {
			unsigned value = xmp.data[skip] - '0';
			return value >= 1 && value <= ORIENTATION_MAX ? value : 1;
		}
	}
	return 0;
}

/* What a file says, by where it stands; 0: nothing. */
struct findings {
	bool has_exif;
	unsigned exif, xmp;
};

static void look_at_exif(struct findings *findings, struct span tiff)
{
	/* Some writers put JPEG's name of the segment into PNG's chunk, too. */
	if (begins_with(tiff, exif_name, sizeof(exif_name)))
		tiff = span_from(tiff, sizeof(exif_name));
	if (!findings->has_exif)
		findings->exif = exif_orientation(tiff);
	findings->has_exif = true; /* what is split over several segments begins in the first */
}

/* Segments up to the first scan. */
static void look_at_jpeg(struct findings *findings, struct span file)
{
	static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
	enum {
		FILL = 0xff,
		TEM = 0x01,
		RST0 = 0xd0,
		SOI = 0xd8,
		EOI = 0xd9,
		SOS = 0xda,
		APP1 = 0xe1
	};
	while (file.length >= 2) {
		uint8_t marker = file.data[1];
		if (file.data[0] != FILL || marker == FILL) {
			file = span_from(file, 1);
			continue;
		}
		file = span_from(file, 2);
		if (marker == EOI || marker == SOS)
			return;
		if (!marker || marker == TEM || (marker >= RST0 && marker <= SOI))
			continue;
		if (file.length < 2)
			return;
		size_t length = read_number(file.data, 2, true);
		if (length < 2 || length > file.length)
			return;
		struct span content = {file.data + 2, length - 2};
		file = span_from(file, length);
		if (marker != APP1)
			continue;
		if (begins_with(content, exif_name, sizeof(exif_name)))
			look_at_exif(findings, content);
		else if (begins_with(content, xmp, sizeof(xmp)))
			findings->xmp = xmp_orientation(span_from(content, sizeof(xmp)));
	}
}

static void look_at_png(struct findings *findings, struct span file)
{
	/* The text's keyword, and the flag that says that it is not compressed. */
	static const char xmp[] = "XML:com.adobe.xmp\0";
	enum { SIGNATURE = 8, HEAD = 8, CHECKSUM = 4 };
	file = span_from(file, SIGNATURE);
	while (file.length >= HEAD) {
		struct span chunk = {file.data + HEAD, read_number(file.data, 4, true)};
		const uint8_t *type = file.data + 4;
		if (chunk.length > file.length - HEAD)
			return;
		if (!memcmp(type, "eXIf", 4))
			look_at_exif(findings, chunk);
		else if (!memcmp(type, "iTXt", 4) && begins_with(chunk, xmp, sizeof(xmp)))
			findings->xmp = xmp_orientation(chunk);
		size_t whole = HEAD + chunk.length;
		if (file.length - whole < CHECKSUM)
			return;
		file = span_from(file, whole + CHECKSUM);
	}
}

unsigned mayfly_picture_orientation(const void *picture, size_t length)
{
	struct span file = {picture, length};
	struct findings findings = {0};
	if (begins_with(file, "\xff\xd8\xff", 3))
		look_at_jpeg(&findings, file);
	else if (begins_with(file, "\x89PNG\r\n\x1a\n", 8))
		look_at_png(&findings, file);
	return findings.exif ? findings.exif : findings.xmp ? findings.xmp : 1;
}

void mayfly_picture_turn(unsigned orientation, const uint8_t *pixels, unsigned width,
			 unsigned height, size_t size, uint8_t *out)
{
	/* By how much the place that is read moves for a pixel of `out` to the right and downwards.
	 * Tiles keep the lines of both sides in the cache, where one of them goes across. */
	enum { TILE = 32 };
	bool is_across = orientation >= 5 && orientation <= 8;
	bool from_right =
	    orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
	bool from_below =
	    orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
	ptrdiff_t column = (ptrdiff_t)size, row = (ptrdiff_t)(size * width);
	if (!width || !height)
		return;
	if (from_right)
		pixels += column * (width - 1);
	if (from_below)
		pixels += row * (height - 1);
	column = from_right ? -column : column;
	row = from_below ? -row : row;
	ptrdiff_t right = is_across ? row : column, down = is_across ? column : row;
	unsigned out_width = is_across ? height : width, out_height = is_across ? width : height;
	for (unsigned top = 0; top < out_height; top += TILE)
		for (unsigned left = 0; left < out_width; left += TILE)
			for (unsigned y = top; y < out_height && y - top < TILE; y++) {
				uint8_t *to = out + ((size_t)y * out_width + left) * size;
				const uint8_t *from = pixels + down * y + right * left;
				for (unsigned x = left; x < out_width && x - left < TILE; x++) {
					for (size_t i = 0; i < size; i++)
						*to++ = from[i];
					from += right;
				}
			}
}
