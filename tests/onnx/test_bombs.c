/* Files made to cost memory or time: for each thing in a picture, a label file or a description
 * that can grow, one in which it does. Each ends as it should, in little memory, and at once where
 * its deadline has passed. The bounds on time are such that only a hang would miss them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "check.h"
#include "confine/sanitizers.h"
#include "jpeg_writer.h"
#include "models/description.h"
#include "picture/image.h"
#include "pictures.h"
#include "sizes/sizes.h"
#include "used_time.h"
#include "util/clock.h"

enum { SIDE = 64, MEBIBYTE = 1 << 20 };

#define HANG_NS (10 * NANOSECONDS_PER_SECOND) /* of used_ns() */
#define MEMORY_MAX                                                                                 \
	(24l * MEBIBYTE) /* that a picture of 64 x 64 pixels may take, whatever is in it */

static uint8_t pixels[SIDE * SIDE * 3];

static void put(struct picture_file *file, const void *data, size_t length)
{
	uint8_t *grown = realloc(file->data, file->length + length + 1);
	if (!grown)
		abort();
	file->data = grown;
	memcpy(file->data + file->length, data, length);
	file->length += length;
}

/* ---- JPEG ---- */

struct jpeg_options {
	bool progressive, arithmetic, grey;
	unsigned restart_interval, side;
};

static struct picture_file jpeg(const struct jpeg_options *options)
{
	const unsigned side = options->side ? options->side : SIDE;
	struct jpeg_writer writer;
	jpeg_writer_begin(&writer, side, side, options->grey);
	if (options->progressive)
		jpeg_simple_progression(&writer.codec);
	writer.codec.arith_code = options->arithmetic;
	writer.codec.restart_interval = options->restart_interval;
	uint8_t *row = calloc(side, 3);
	jpeg_writer_end(&writer, row, 0);
	free(row);
	return (struct picture_file){writer.data, writer.length};
}

/* Where the first scan's header begins, or the last one's. */
static size_t find_scan(const struct picture_file *file, bool last)
{
	size_t found = 0;
	for (size_t i = 0; i + 1 < file->length && (last || !found); i++)
		if (file->data[i] == 0xff && file->data[i + 1] == 0xda)
			found = i;
	return found;
}

/* A JPEG with `count` segments of `length` bytes before its scan. */
static struct picture_file jpeg_with_segments(uint8_t marker, const void *content, size_t length,
					      size_t count)
{
	struct picture_file whole = jpeg(&(struct jpeg_options){0}), file = {0};
	size_t scan = find_scan(&whole, false);
	uint8_t *segments = calloc(count, 4 + length), *segment = segments;
	for (size_t i = 0; i < count; i++, segment += 4 + length) {
		segment[0] = 0xff;
		segment[1] = marker;
		segment[2] = (uint8_t)((length + 2) >> 8);
		segment[3] = (uint8_t)(length + 2);
		memcpy(segment + 4, content, length);
	}
	put(&file, whole.data, scan);
	put(&file, segments, count * (4 + length));
	put(&file, whole.data + scan, whole.length - scan);
	free(segments);
	free(whole.data);
	return file;
}

static uint8_t nothing[65536];

static struct picture_file jpeg_comments(void)
{
	return jpeg_with_segments(0xfe, nothing, 0, 4 << 20);
}

static struct picture_file jpeg_profiles(void)
{
	static const uint8_t head[14] = "ICC_PROFILE\0\1\377";
	memcpy(nothing, head, sizeof(head));
	return jpeg_with_segments(0xe2, nothing, 65000, 500);
}

static struct picture_file jpeg_exif(void)
{
	/* A directory of 65535 entries that lies within itself, and says that the next one does. */
	memset(nothing, 0x01, sizeof(nothing));
	static const uint8_t head[16] = "Exif\0\0MM\0*\0\0\0\10\377\377";
	memcpy(nothing, head, sizeof(head));
	return jpeg_with_segments(0xe1, nothing, 65000, 500);
}

static struct picture_file jpeg_markers_of_all_kinds(void)
{
	struct picture_file file = {0}, whole = jpeg(&(struct jpeg_options){0});
	size_t scan = find_scan(&whole, false);
	put(&file, whole.data, scan);
	enum { COUNT = 200000, SIZE = 6 };
	static uint8_t segments[COUNT * SIZE];
	for (size_t i = 0; i < COUNT; i++)
		memcpy(segments + i * SIZE,
		       (uint8_t[SIZE]){0xff, (uint8_t)(0xe0 + i % 16), 0, 4, 'J', 'F'}, SIZE);
	put(&file, segments, sizeof(segments));
	put(&file, whole.data + scan, whole.length - scan);
	free(whole.data);
	return file;
}

static struct picture_file jpeg_huffman_tables(void)
{
	/* A table of the most codes that there can be, of 16 bits each. */
	static uint8_t table[1 + 16 + 256] = {0x03, [14] = 0, [16] = 255};
	return jpeg_with_segments(0xc4, table, 1 + 16 + 255, 100000);
}

static struct picture_file jpeg_quantisation_tables(void)
{
	static uint8_t table[65];
	memset(table, 1, sizeof(table));
	table[0] = 3;
	return jpeg_with_segments(0xdb, table, sizeof(table), 400000);
}

static struct picture_file jpeg_restart_intervals(void)
{
	static const uint8_t interval[] = {0, 1};
	return jpeg_with_segments(0xdd, interval, 2, 2000000);
}

static struct picture_file jpeg_restarts(void)
{
	struct picture_file file =
	    jpeg(&(struct jpeg_options){.restart_interval = 1, .side = 2000});
	/* Every other one is missing. */
	for (size_t i = find_scan(&file, false); i + 1 < file.length; i++)
		if (file.data[i] == 0xff && file.data[i + 1] >= 0xd0 && file.data[i + 1] <= 0xd7 &&
		    file.data[i + 1] % 2)
			file.data[i] = 0;
	return file;
}

static struct picture_file jpeg_fill(void)
{
	struct picture_file whole = jpeg(&(struct jpeg_options){0}), file = {0};
	size_t scan = find_scan(&whole, false);
	uint8_t *fill = malloc(32UL * MEBIBYTE);
	memset(fill, 0xff, 32UL * MEBIBYTE);
	put(&file, whole.data, scan);
	put(&file, fill, 32UL * MEBIBYTE);
	put(&file, whole.data + scan, whole.length - scan);
	free(fill);
	free(whole.data);
	return file;
}

static struct picture_file jpeg_behind_the_end(void)
{
	struct picture_file file = jpeg(&(struct jpeg_options){0});
	uint8_t *junk = calloc(1, 32UL * MEBIBYTE);
	put(&file, junk, 32UL * MEBIBYTE);
	free(junk);
	return file;
}

/* Ends with this many more scans, all empty. */
static struct picture_file jpeg_scans(unsigned side, size_t count)
{
	struct picture_file file =
	    jpeg(&(struct jpeg_options){.progressive = true, .grey = true, .side = side});
	size_t scan = find_scan(&file, true);
	uint8_t head[16];
	size_t length = 2 + (size_t)(file.data[scan + 2] << 8) + file.data[scan + 3];
	memcpy(head, file.data + scan, length);
	file.length -= 2; /* the end of the image */
	for (size_t i = 0; i < count; i++)
		put(&file, head, length);
	put(&file, "\xff\xd9", 2);
	return file;
}

static struct picture_file jpeg_many_scans(void)
{
	return jpeg_scans(SIDE, 2000);
}

/* Sixteen more passes over 64 million pixels, of ten bytes each. */
static struct picture_file jpeg_large_scans(void)
{
	return jpeg_scans(8000, 16);
}

static struct picture_file jpeg_arithmetic(void)
{
	return jpeg(&(struct jpeg_options){.arithmetic = true});
}

/* ---- PNG ---- */

static void put_chunk(struct picture_file *file, const char *type, const void *data, size_t length)
{
	uint8_t head[8] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
			   (uint8_t)length};
	memcpy(head + 4, type, 4);
	put(file, head, 8);
	put(file, data, length);
	uint32_t sum = (uint32_t)crc32(crc32(0, head + 4, 4), data, (uInt)length);
	put(file,
	    (uint8_t[]){(uint8_t)(sum >> 24), (uint8_t)(sum >> 16), (uint8_t)(sum >> 8),
			(uint8_t)sum},
	    4);
}

enum { PNG_HEADER = 33 };

/* A PNG with `count` chunks after its header, `after` false, or behind its pixels. */
static struct picture_file png_with_chunks(const char *type, const void *content, size_t length,
					   size_t count, bool after)
{
	struct picture_file whole = picture_png(pixels, SIDE, SIDE, 3, false), file = {0},
			    one = {0};
	size_t place = after ? whole.length - 12 : PNG_HEADER;
	put_chunk(&one, type, content, length);
	uint8_t *chunks = malloc(one.length * count + 1);
	for (size_t i = 0; i < count; i++)
		memcpy(chunks + i * one.length, one.data, one.length);
	put(&file, whole.data, place);
	put(&file, chunks, one.length * count);
	put(&file, whole.data + place, whole.length - place);
	free(chunks);
	free(one.data);
	free(whole.data);
	return file;
}

/* What a chunk begins with, then 64 MiB of zeros, compressed; eight such chunks. */
static struct picture_file png_compressed(const char *type, const void *start, size_t length)
{
	static uint8_t packed[MEBIBYTE];
	memcpy(packed, start, length);
	z_stream stream = {.next_out = packed + length,
			   .avail_out = (uInt)(sizeof(packed) - length)};
	deflateInit(&stream, 9);
	memset(nothing, 0, sizeof(nothing));
	for (int i = 0; i < 1024; i++) {
		stream.next_in = nothing;
		stream.avail_in = sizeof(nothing);
		deflate(&stream, i == 1023 ? Z_FINISH : Z_NO_FLUSH);
	}
	size_t packed_length = sizeof(packed) - stream.avail_out;
	deflateEnd(&stream);
	return png_with_chunks(type, packed, packed_length, 8, false);
}

static struct picture_file png_text_bomb(void)
{
	return png_compressed("zTXt", "Comment\0", 9);
}

static struct picture_file png_international_bomb(void)
{
	return png_compressed("iTXt", "Comment\0\1\0\0", 12);
}

static struct picture_file png_profile_bomb(void)
{
	return png_compressed("iCCP", "profile\0", 9);
}

static struct picture_file png_long_text(void)
{
	static uint8_t text[32UL * MEBIBYTE];
	memset(text, 'x', sizeof(text));
	memcpy(text, "Comment", 8);
	return png_with_chunks("tEXt", text, sizeof(text), 1, false);
}

static struct picture_file png_texts(void)
{
	return png_with_chunks("tEXt", "a\0b", 3, 1000000, false);
}

static struct picture_file png_unknown(void)
{
	return png_with_chunks("quUX", "", 0, 2000000, false);
}

static struct picture_file png_palettes(void)
{
	static uint8_t palette[16 * MEBIBYTE] = "name\0\10";
	return png_with_chunks("sPLT", palette, 6 + 6 * 1000000, 4, false);
}

static struct picture_file png_histogram(void)
{
	static uint8_t counts[MEBIBYTE];
	return png_with_chunks("hIST", counts, sizeof(counts), 8, false);
}

static struct picture_file png_exif(void)
{
	memset(nothing, 1, sizeof(nothing));
	static const uint8_t head[10] = "MM\0*\0\0\0\10\377\377";
	memcpy(nothing, head, sizeof(head));
	return png_with_chunks("eXIf", nothing, sizeof(nothing), 500, false);
}

static struct picture_file png_frames(void)
{
	static uint8_t frame[1000];
	return png_with_chunks("fdAT", frame, sizeof(frame), 30000, false);
}

static struct picture_file png_empty_data(void)
{
	return png_with_chunks("IDAT", "", 0, 2000000, false);
}

static struct picture_file png_behind_the_pixels(void)
{
	return png_with_chunks("zTXt", "Comment\0\0x", 10, 1000000, true);
}

/* ---- all of them ---- */

static const struct bomb {
	const char *name;
	struct picture_file (*make)(void);
	int wanted;
	const char *message;
	long memory;
} bombs[] = {
    {"JPEG: 4 million comments", jpeg_comments, 0, "", 0},
    {"JPEG: 500 profiles", jpeg_profiles, 0, "", 0},
    {"JPEG: 500 EXIF segments", jpeg_exif, 0, "", 0},
    {"JPEG: segments of all kinds", jpeg_markers_of_all_kinds, 0, "", 0},
    {"JPEG: Huffman tables", jpeg_huffman_tables, 0, "", 0},
    {"JPEG: quantisation tables", jpeg_quantisation_tables, 0, "", 0},
    {"JPEG: restart intervals", jpeg_restart_intervals, 0, "", 0},
    {"JPEG: missing restarts", jpeg_restarts, 0, "", 32l * MEBIBYTE},
    {"JPEG: fill bytes", jpeg_fill, 0, "", 0},
    {"JPEG: data behind its end", jpeg_behind_the_end, 0, "", 0},
    {"JPEG: 2000 scans", jpeg_many_scans, -EINVAL, "more than 100 scans", 0},
    {"JPEG: scans of a large picture", jpeg_large_scans, -EINVAL, "more than 20 scans",
     512l * MEBIBYTE},
    {"JPEG: arithmetic coding", jpeg_arithmetic, -EINVAL, "arithmetic-coded", 0},
    {"PNG: compressed text", png_text_bomb, 0, "", 0},
    {"PNG: international text", png_international_bomb, 0, "", 0},
    {"PNG: compressed profile", png_profile_bomb, 0, "", 0},
    {"PNG: text of 32 MiB", png_long_text, 0, "", 0},
    {"PNG: a million texts", png_texts, 0, "", 0},
    {"PNG: 2 million chunks", png_unknown, 0, "", 0},
    {"PNG: suggested palettes", png_palettes, 0, "", 0},
    {"PNG: histograms", png_histogram, 0, "", 0},
    {"PNG: EXIF", png_exif, 0, "", 0},
    {"PNG: frames", png_frames, 0, "", 0},
    {"PNG: empty image data", png_empty_data, 0, "", 0},
    {"PNG: chunks behind the pixels", png_behind_the_pixels, 0, "", 0},
};

static void decode_bomb(const struct bomb *bomb, const struct picture_file *file)
{
	struct picture image;
	struct error error = {0};
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	uint64_t start = used_ns();
	int result = image_decode(file->data, file->length, 32, 32, 0, &image, &error);
	CHECK(used_ns() - start < HANG_NS);
	getrusage(RUSAGE_SELF, &after);
	CHECK_NUMBER(result, bomb->wanted);
	if (!CHECK(strstr(error.text, bomb->message)))
		fprintf(stderr, "  %s\n", error.text);
	long limit = bomb->memory ? bomb->memory : MEMORY_MAX;
	long taken = (after.ru_maxrss - before.ru_maxrss) * 1024;
	if (!CONFINE_SANITIZED && !CHECK(taken < limit))
		fprintf(stderr, "  %ld KiB\n", taken >> 10);
	picture_release(&image);
	/* Whose deadline has passed waits for nothing. */
	for (uint64_t more = 0; more < 2; more++) {
		start = used_ns();
		result = image_decode(file->data, file->length, 32, 32,
				      clock_now_ns() - 1 + more * NANOSECONDS_PER_SECOND / 500,
				      &image, &error);
		CHECK(used_ns() - start < HANG_NS);
		CHECK(more || result == -ETIMEDOUT || bomb->wanted);
		picture_release(&image);
	}
	if (checks_failed)
		fprintf(stderr, "  with %s\n", bomb->name);
}

/* Decodes in a process of its own, whose memory can be told from what made the file. Sanitizers
 * have their own memory, and forks of it take long. */
static void check_bomb(const struct bomb *bomb, const struct picture_file *file)
{
	if (CONFINE_SANITIZED) {
		decode_bomb(bomb, file);
		return;
	}
	fflush(NULL);
	pid_t process = fork();
	if (!process) {
		decode_bomb(bomb, file);
		_exit(checks_failed != 0);
	}
	int status = -1;
	CHECK(process > 0 && waitpid(process, &status, 0) == process);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void test_pictures(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bombs); i++) {
		struct picture_file file = bombs[i].make();
		check_bomb(&bombs[i], &file);
		free(file.data);
	}
}

/* ---- texts ---- */

static void check_labels(int byte, size_t length, const char *message)
{
	struct labels labels;
	struct error error = {0};
	char *text = malloc(length);
	memset(text, byte, length);
	uint64_t start = used_ns();
	int result = labels_parse(text, length, DESCRIPTION_CLASSES_MAX, "labels", &labels, &error);
	CHECK(used_ns() - start < HANG_NS);
	CHECK_NUMBER(result, -EINVAL);
	if (!CHECK(strstr(error.text, message)))
		fprintf(stderr, "  %s\n", error.text);
	free(text);
}

static void check_description(const char *line, const char *message)
{
	struct model_description description;
	struct error error = {0};
	size_t length = strlen(line), count = DESCRIPTION_BYTES_MAX / length;
	char *text = malloc(count * length + 1);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < length; j++)
			text[i * length + j] = line[j];
	uint64_t start = used_ns();
	CHECK_NUMBER(description_parse(text, count * length, "model.txt", &description, &error),
		     -EINVAL);
	CHECK(used_ns() - start < HANG_NS);
	if (!CHECK(strstr(error.text, message)))
		fprintf(stderr, "  %s\n", error.text);
	free(text);
}

static void test_texts(void)
{
	check_labels(1, LABELS_BYTES_MAX, "control character");
	check_labels(0, LABELS_BYTES_MAX, "control character");
	check_labels('\n', LABELS_BYTES_MAX, "the label is empty");
	check_labels('x', LABELS_BYTES_MAX, "1 labels for a model of 65536 classes");
	check_description("\n", "is missing");
	check_description("#\n", "is missing");
	check_description("x", "the line has 65536 bytes");
	check_description("= = = = ", "the line has 65535 bytes");
	check_description("title = x\n", "title is given twice");
	check_description("=\n", "unknown key");
	check_description("input_mean = 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n", "more than 3");
	check_description("anchor_grid = 1e999999999\n", "is not a number");
}

int main(void)
{
	picture_quarters(pixels, SIDE, SIDE);
	test_pictures();
	test_texts();
	return check_status();
}
