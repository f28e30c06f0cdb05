/* EXIF orientation: what is read from files of anybody, and how pictures are turned. */
#include <stdlib.h>

#include "check.h"
#include "mayfly/orientation.h"
#include "sizes/sizes.h"

struct bytes {
	uint8_t data[1024];
	size_t length;
};

static void put(struct bytes *bytes, const void *data, size_t length)
{
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

static void put_number(struct bytes *bytes, uint32_t number, unsigned length, bool big_endian)
{
	for (unsigned i = 0; i < length; i++)
		bytes->data[bytes->length++] =
		    (uint8_t)(number >> 8 * (big_endian ? length - 1 - i : i));
}

struct tag {
	unsigned number, type, count, value;
};

/* A TIFF structure with one directory, its tags in the given order. */
static struct bytes tiff(bool big_endian, const struct tag *tags, size_t count)
{
	struct bytes made = {.length = 0};
	put(&made, big_endian ? "MM" : "II", 2);
	put_number(&made, 42, 2, big_endian);
	put_number(&made, 8, 4, big_endian);
	put_number(&made, (uint32_t)count, 2, big_endian);
	for (size_t i = 0; i < count; i++) {
		put_number(&made, tags[i].number, 2, big_endian);
		put_number(&made, tags[i].type, 2, big_endian);
		put_number(&made, tags[i].count, 4, big_endian);
		put_number(&made, tags[i].value, tags[i].type == 3 ? 2 : 4, big_endian);
		if (tags[i].type == 3)
			put_number(&made, 0, 2, big_endian);
	}
	put_number(&made, 0, 4, big_endian);
	return made;
}

static void put_segment(struct bytes *file, uint8_t marker, const void *name, size_t name_length,
			const struct bytes *content)
{
	put(file, (uint8_t[]){0xff, marker}, 2);
	put_number(file, (uint32_t)(2 + name_length + content->length), 2, true);
	put(file, name, name_length);
	put(file, content->data, content->length);
}

static struct bytes jpeg(const struct bytes *exif)
{
	static const struct bytes nothing = {.length = 0};
	struct bytes file = {.length = 0};
	put(&file, "\xff\xd8", 2);
	put_segment(&file, 0xe0, "JFIF\0\1\1\0\0\1\0\1\0\0", 14, &nothing);
	put_segment(&file, 0xe1, "Exif\0", 6, exif);
	put_segment(&file, 0xda, "\1\1\0\0\0\0", 6, &nothing);
	return file;
}

static struct bytes png(const struct bytes *exif)
{
	struct bytes file = {.length = 0};
	put(&file, "\x89PNG\r\n\x1a\n", 8);
	put(&file, "\0\0\0\4junk1234crc.", 16);
	put_number(&file, (uint32_t)exif->length, 4, true);
	put(&file, "eXIf", 4);
	put(&file, exif->data, exif->length);
	put(&file, "crc.", 4);
	return file;
}

static unsigned of(struct bytes file)
{
	/* Memory of just that size: a sanitizer sees each byte too many that is read. */
	uint8_t *exact = malloc(file.length ? file.length : 1);
	memcpy(exact, file.data, file.length);
	unsigned orientation = mayfly_picture_orientation(exact, file.length);
	free(exact);
	return orientation;
}

static void check_tags(const struct tag *tags, size_t count, unsigned wanted)
{
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct bytes exif = tiff(big_endian, tags, count);
		CHECK_NUMBER(of(jpeg(&exif)), wanted);
		CHECK_NUMBER(of(png(&exif)), wanted);
	}
}

static void test_tags(void)
{
	for (unsigned value = 0; value < 12; value++) {
		unsigned wanted = value >= 1 && value <= 8 ? value : 1;
		check_tags((struct tag[]){{0x0112, 3, 1, value}}, 1, wanted);
		check_tags((struct tag[]){{0x0100, 4, 1, 640}, {0x0112, 4, 1, value}}, 2, wanted);
	}
	check_tags((struct tag[]){{0x0112, 3, 1, 0x106}}, 1, 1);
	check_tags((struct tag[]){{0x0112, 3, 2, 6}}, 1, 1); /* two numbers are none */
	check_tags((struct tag[]){{0x0112, 2, 1, 6}}, 1, 1); /* nor is a text */
	check_tags((struct tag[]){{0x0113, 3, 1, 6}}, 1, 1);
	check_tags((struct tag[]){{0x0112, 3, 1, 6}, {0x0112, 3, 1, 8}}, 2, 8);
	check_tags(NULL, 0, 1);
}

/* Files that say nothing, or nonsense. */
static void test_other_files(void)
{
	struct bytes exif = tiff(true, &(struct tag){0x0112, 3, 1, 6}, 1);
	CHECK_NUMBER(mayfly_picture_orientation(NULL, 0), 1);
	CHECK_NUMBER(of(exif), 1);
	struct bytes late = {.length = 0}, none = {.length = 0};
	put(&late, "\xff\xd8", 2);
	put_segment(&late, 0xda, "\1\1\0\0\0\0", 6, &none);
	put_segment(&late, 0xe1, "Exif\0", 6, &exif);
	CHECK_NUMBER(of(late), 1); /* behind the picture's data */
	struct bytes filled = {.length = 0};
	put(&filled, "\xff\xd8\xff\xff\xff", 5);
	put_segment(&filled, 0xe1, "Exif\0", 6, &exif);
	CHECK_NUMBER(of(filled), 6);
	struct bytes twice = {.length = 0}, other = tiff(false, &(struct tag){0x0112, 3, 1, 3}, 1);
	put(&twice, "\xff\xd8", 2);
	put_segment(&twice, 0xe1, "Exif\0", 6, &other);
	put_segment(&twice, 0xe1, "Exif\0", 6, &exif);
	CHECK_NUMBER(of(twice), 3);
	struct bytes named = {.length = 0};
	put(&named, "Exif\0", 6);
	put(&named, exif.data, exif.length);
	CHECK_NUMBER(of(png(&named)), 6);
}

static void test_xmp(void)
{
	static const char name[] = "http://ns.adobe.com/xap/1.0/";
	static const struct {
		const char *text;
		unsigned orientation;
	} cases[] = {{"<r tiff:Orientation=\"8\"/>", 8},
		     {"<tiff:Orientation>3</tiff:Orientation>", 3},
		     {"tiff:Orientation tiff:Orientation=\"5\"", 5},
		     {"tiff:Orientation=\"9\"", 1},
		     {"tiff:Orientation=\"", 1},
		     {"tiff:Orientation", 1},
		     {"", 1}};
	struct bytes exif = tiff(true, &(struct tag){0x0112, 3, 1, 6}, 1);
	struct bytes silent = tiff(true, &(struct tag){0x0100, 3, 1, 6}, 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bytes text = {.length = 0}, chunk = {.length = 0};
		put(&text, cases[i].text, strlen(cases[i].text));
		struct bytes file = {.length = 0}, both = {.length = 0}, beside = {.length = 0};
		put(&file, "\xff\xd8", 2);
		put_segment(&file, 0xe1, name, sizeof(name), &text);
		put(&both, file.data, file.length);
		put(&beside, file.data, file.length);
		CHECK_NUMBER(of(file), cases[i].orientation);
		put_segment(&both, 0xe1, "Exif\0", 6, &exif);
		CHECK_NUMBER(of(both), 6); /* EXIF counts more */
		put_segment(&beside, 0xe1, "Exif\0", 6, &silent);
		CHECK_NUMBER(of(beside), cases[i].orientation);
		put(&chunk, "\x89PNG\r\n\x1a\n", 8);
		put_number(&chunk, (uint32_t)(22 + text.length), 4, true);
		put(&chunk, "iTXtXML:com.adobe.xmp\0\0\0\0\0", 26);
		put(&chunk, text.data, text.length);
		put(&chunk, "crc.", 4);
		CHECK_NUMBER(of(chunk), cases[i].orientation);
	}
}

/* Cut anywhere, or with anything in it:
 * no byte beyond the file is read, and the answer is 1 to 8. */
static void test_hostile(void)
{
	struct bytes exif = tiff(true, (struct tag[]){{0x0100, 4, 1, 1}, {0x0112, 3, 1, 6}}, 2);
	struct bytes files[] = {jpeg(&exif), png(&exif)};
	srand(1);
	for (size_t i = 0; i < 2; i++) {
		for (size_t length = 0; length <= files[i].length; length++) {
			struct bytes cut = files[i];
			cut.length = length;
			unsigned orientation = of(cut);
			CHECK(orientation == 1 || orientation == 6);
		}
		for (int turn = 0; turn < 20000; turn++) {
			struct bytes changed = files[i];
			for (int times = 1 + rand() % 4; times; times--)
				changed.data[3 + (size_t)rand() % (changed.length - 3)] =
				    (uint8_t)(rand() % 2 ? rand() : 0xff);
			unsigned orientation = of(changed);
			CHECK(orientation >= 1 && orientation <= 8);
		}
	}
}

/* The picture  0 1 2  in all its orientations, as Pillow's exif_transpose() gives them.
 *              3 4 5                                                                  */
static void test_turn(void)
{
	static const uint8_t pixels[] = {0, 1, 2, 3, 4, 5};
	static const uint8_t wanted[9][6] = {
	    {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3},
	    {5, 4, 3, 2, 1, 0}, {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5},
	    {3, 0, 4, 1, 5, 2}, {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
	for (unsigned orientation = 0; orientation <= 8; orientation++) {
		uint8_t out[6] = {0};
		mayfly_picture_turn(orientation, pixels, 3, 2, 1, out);
		CHECK(!memcmp(out, wanted[orientation], sizeof(out)));
	}
	mayfly_picture_turn(6, NULL, 0, 5, 3, NULL);
}

/* Larger than a tile, in pixels of three bytes: turned there and back it is the same. */
static void test_turn_back(void)
{
	static const unsigned back[] = {1, 1, 2, 3, 4, 5, 8, 7, 6};
	enum { WIDTH = 101, HEIGHT = 67 };
	static uint8_t pixels[WIDTH * HEIGHT * 3], turned[sizeof(pixels)], again[sizeof(pixels)];
	for (size_t i = 0; i < sizeof(pixels); i++)
		pixels[i] = (uint8_t)(i * 7 + i / 251);
	for (unsigned orientation = 1; orientation <= 8; orientation++) {
		bool across = orientation >= 5;
		mayfly_picture_turn(orientation, pixels, WIDTH, HEIGHT, 3, turned);
		mayfly_picture_turn(back[orientation], turned, across ? HEIGHT : WIDTH,
				    across ? WIDTH : HEIGHT, 3, again);
		CHECK(!memcmp(pixels, again, sizeof(pixels)));
	}
}

int main(void)
{
	test_tags();
	test_other_files();
	test_xmp();
	test_hostile();
	test_turn();
	test_turn_back();
	return check_status();
}
