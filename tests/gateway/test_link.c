/* The link between the gateway's processes: records, arenas, messages. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "link/link.h"
#include "record/record.h"
#include "sizes/sizes.h"

/* ── records ─────────────────────────────────────────────────────────────────────────────────── */

static void test_record_round_trip(void)
{
	cleanup_record struct record inner = RECORD_EMPTY, record = RECORD_EMPTY;
	record_add_text(&inner, 7, "within");
	record_add_text(&record, 1, "text");
	record_add_text(&record, 1, NULL); /* nothing */
	record_add_pair(&record, 2, "key", "value");
	record_add_number(&record, 3, UINT64_MAX);
	record_add(&record, 4, "", 0, "a\0b", 3);
	record_add_record(&record, 5, &inner);
	CHECK_NUMBER(record.result, 0);
	const struct record_view view = record_of(&record);
	struct record_field field;
	CHECK_NUMBER(record_check(view), 0);
	CHECK_TEXT(record_find_text(view, 1, "none"), "text");
	CHECK_TEXT(record_find_text(view, 9, "none"), "none");
	CHECK_TEXT(record_find_text(view, 4, "none"), "none"); /* has a NUL */
	CHECK(record_find_number(view, 3, 0) == UINT64_MAX);
	CHECK_NUMBER(record_find_number(view, 1, 5), 5); /* is no number */
	CHECK(record_find(view, 2, &field));
	CHECK_TEXT(field.key, "key");
	CHECK_TEXT(record_text(&field), "value");
	CHECK(record_find(view, 5, &field));
	CHECK_NUMBER(record_check(record_within(&field)), 0);
	CHECK_TEXT(record_find_text(record_within(&field), 7, "none"), "within");
}

/* Whatever is cut off or changed is refused or read within its bounds. */
static void test_record_damage(void)
{
	cleanup_record struct record record = RECORD_EMPTY;
	record_add_pair(&record, 2, "key", "value");
	record_add_text(&record, 3, "other");
	for (size_t length = 1; length < record.length; length++) {
		uint8_t *copy = malloc(length); /* so that a sanitizer sees a read behind it */
		memcpy(copy, record.data, length);
		const bool first_only = length == 8 + 3 + 1 + 5 + 1;
		CHECK_NUMBER(record_check((struct record_view){copy, length}),
			     first_only ? 0 : -EPROTO);
		free(copy);
	}
	record.data[8 + 1] = 0; /* a NUL in a key */
	CHECK_NUMBER(record_check(record_of(&record)), -EPROTO);
}

static void test_record_limits(void)
{
	cleanup_record struct record record = RECORD_EMPTY;
	cleanup_record struct record other = RECORD_EMPTY;
	char *key = malloc(RECORD_KEY_MAX + 1UL);
	memset(key, 'k', RECORD_KEY_MAX + 1UL);
	record_add(&record, 1, key, RECORD_KEY_MAX, "", 0);
	CHECK_NUMBER(record.result, 0);
	CHECK_NUMBER(record_check(record_of(&record)), 0);
	record_add(&record, 1, key, RECORD_KEY_MAX + 1UL, "", 0);
	CHECK_NUMBER(record.result, -E2BIG);
	record_add(&other, 1, "a\0b", 3, "", 0);
	CHECK_NUMBER(other.result, -E2BIG);
	free(key);
}

/* ── arenas ──────────────────────────────────────────────────────────────────────────────────── */

#define ARENA_SIZE (16UL << 20)
#define BLOCKS	   300

struct taken {
	uint8_t *data;
	uint64_t offset;
	size_t length;
	uint8_t mark;
};

static bool is_marked(const struct taken *block)
{
	for (size_t i = 0; i < block->length; i += 4096)
		if (block->data[i] != block->mark)
			return false;
	return block->data[block->length - 1] == block->mark;
}

/* A large block's memory goes back to the kernel. */
static void test_arena_memory(void)
{
	struct arena *arena;
	struct stat before, after;
	int file;
	struct error error;
	uint64_t offset;
	size_t length;
	if (!CHECK_NUMBER(arena_create(&arena, ARENA_SIZE, &file, &error), 0))
		return;
	void *block = arena_take(arena, ARENA_SIZE / 2, &offset, &length);
	if (CHECK(block)) {
		memset(block, 1, length);
		CHECK(!fstat(file, &before) && before.st_blocks * 512 >= (off_t)length);
		CHECK_NUMBER(arena_give(arena, offset), 0);
		CHECK(!fstat(file, &after) && !after.st_blocks);
	}
	arena_close(arena);
	close(file);
}

/* Random blocks: none overlaps another, and all the memory comes back. */
static void test_arena(void)
{
	static struct taken blocks[BLOCKS];
	struct arena *arena;
	int file;
	struct error error;
	if (!CHECK_NUMBER(arena_create(&arena, ARENA_SIZE, &file, &error), 0))
		return;
	unsigned seed = 1, refused = 0;
	for (unsigned turn = 0; turn < 20000; turn++) {
		struct taken *block = &blocks[rand_r(&seed) % BLOCKS];
		if (block->data) {
			CHECK(is_marked(block));
			CHECK_NUMBER(arena_give(arena, block->offset), 0);
			CHECK_NUMBER(arena_give(arena, block->offset), -EPROTO);
			block->data = NULL;
			continue;
		}
		const size_t size = 1 + (size_t)rand_r(&seed) % (turn % 7 ? 70000 : 3000000);
		block->data = arena_take(arena, size, &block->offset, &block->length);
		if (!block->data) {
			refused++;
			continue;
		}
		CHECK(block->length >= size);
		CHECK(block->data == arena_at(arena, block->offset));
		block->mark = (uint8_t)turn;
		for (size_t i = 0; i < block->length; i += 4096)
			block->data[i] = block->mark;
		block->data[block->length - 1] = block->mark;
	}
	CHECK(refused);
	for (size_t i = 0; i < BLOCKS; i++)
		if (blocks[i].data)
			arena_give(arena, blocks[i].offset);
	CHECK_NUMBER(arena_used(arena), 0);
	uint64_t offset;
	size_t length;
	CHECK(arena_take(arena, ARENA_SIZE, &offset, &length)); /* all of it is one block again */
	CHECK(!arena_take(arena, 1, &offset, &length));
	arena_close(arena);
	close(file);
}

static void test_arena_misuse(void)
{
	struct arena *arena;
	int file;
	uint64_t offset;
	size_t length;
	struct error error;
	if (!CHECK_NUMBER(arena_create(&arena, ARENA_SIZE, &file, &error), 0))
		return;
	CHECK(arena_take(arena, 200000, &offset, &length));
	const uint64_t none[] = {offset + 1, offset + 65536, ARENA_SIZE, UINT64_MAX,
				 UINT64_MAX & ~65535UL};
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		CHECK_NUMBER(arena_give(arena, none[i]), -EPROTO);
	CHECK(!arena_take(arena, ARENA_SIZE + 1, &offset, &length));
	CHECK(!arena_take(arena, SIZE_MAX, &offset, &length));
	CHECK(ftruncate(file, 4096) && errno == EPERM); /* it cannot shrink under who maps it */
	arena_close(arena);
	close(file);
}

static void test_view(void)
{
	struct arena_view view = {NULL, 0};
	struct arena *arena;
	int file;
	struct error error;
	if (!CHECK_NUMBER(arena_create(&arena, ARENA_SIZE, &file, &error), 0))
		return;
	CHECK_NUMBER(arena_view_open(&view, file, &error), 0);
	const struct link_message good = {.offset = ARENA_SIZE - 10, .length = 10};
	CHECK(link_block(&view, &good) == view.data + ARENA_SIZE - 10);
	const struct link_message bad[] = {
	    {.offset = ARENA_SIZE - 10, .length = 11},
	    {.offset = ARENA_SIZE + 1, .length = 0},
	    {.offset = UINT64_MAX, .length = 2},
	    {.offset = 2, .length = UINT64_MAX},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!link_block(&view, &bad[i]));
	arena_view_close(&view);
	arena_close(arena);
	close(file);
	const int plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(!ftruncate(plain, 65536));
	CHECK_NUMBER(arena_view_open(&view, plain, &error), -EPROTO);
	close(plain);
}

/* ── messages ────────────────────────────────────────────────────────────────────────────────── */

static void test_messages(void)
{
	int pair[2];
	struct link_message message = {.kind = LINK_DONE, .id = 5, .code = 404}, got;
	CHECK_NUMBER(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_NUMBER(link_receive(pair[1], &got), -EAGAIN);
	CHECK_NUMBER(link_send(pair[0], &message), 0);
	CHECK_NUMBER(link_receive(pair[1], &got), 0);
	CHECK(got.id == 5 && got.code == 404 && got.kind == LINK_DONE);
	CHECK(send(pair[0], "short", 5, 0) == 5);
	CHECK_NUMBER(link_receive(pair[1], &got), -EPROTO);
	message.magic = 1;
	CHECK(send(pair[0], &message, sizeof(message), 0) == sizeof(message));
	CHECK_NUMBER(link_receive(pair[1], &got), -EPROTO);
	int result;
	while (!(result = link_send(pair[0], &message)))
		;
	CHECK_NUMBER(result, -EAGAIN);
	close(pair[0]);
	while (!(result = link_receive(pair[1], &got)))
		;
	CHECK_NUMBER(result, -EPIPE);
	CHECK_NUMBER(link_send(pair[1], &message), -EPIPE);
	close(pair[1]);
}

int main(void)
{
	test_record_round_trip();
	test_record_damage();
	test_record_limits();
	test_arena_memory();
	test_arena();
	test_arena_misuse();
	test_view();
	test_messages();
	return check_status();
}
