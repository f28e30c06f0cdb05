/* Models that name files of the host are refused, wherever in them the tensor lies. */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "external_data.h"

/* A protobuf message under construction. */
struct message {
	uint8_t bytes[4096];
	size_t length;
};

static void put_varint(struct message *message, uint64_t value)
{
	do {
		uint8_t byte = value & 0x7f;
		value >>= 7;
		message->bytes[message->length++] = value ? byte | 0x80 : byte;
	} while (value);
}

/* Makes `message` a field of a message of its own. */
static void wrap(struct message *message, unsigned field)
{
	struct message outer = {.length = 0};
	put_varint(&outer, field << 3 | 2);
	put_varint(&outer, message->length);
	memcpy(outer.bytes + outer.length, message->bytes, message->length);
	outer.length += message->length;
	*message = outer;
}

/* A tensor with data_location = `location`, or with an external_data entry. */
static struct message tensor_located(unsigned location)
{
	struct message tensor = {.length = 0};
	put_varint(&tensor, 14 << 3);
	put_varint(&tensor, location);
	return tensor;
}

static int refuse(const struct message *message, struct error *error)
{
	return external_data_refuse(message->bytes, message->length, error);
}

static void check_refused_at(const unsigned *fields, size_t count)
{
	struct error error = {0};
	struct message inside = tensor_located(0), outside = tensor_located(1);
	struct message entry = {.length = 0};
	wrap(&entry, 13);
	for (size_t i = 0; i < count; i++) {
		wrap(&inside, fields[i]);
		wrap(&outside, fields[i]);
		wrap(&entry, fields[i]);
	}
	CHECK_NUMBER(refuse(&inside, &error), 0);
	CHECK_NUMBER(refuse(&outside, &error), -EINVAL);
	CHECK(strstr(error.text, "other files"));
	CHECK_NUMBER(refuse(&entry, &error), -EINVAL);
}

static void test_places(void)
{
	static const unsigned initializer[] = {5, 7}, constant[] = {5, 5, 1, 7};
	static const unsigned in_branch[] = {5, 5, 1, 6, 5, 1, 7}, sparse[] = {1, 15, 7};
	static const unsigned in_function[] = {5, 5, 7, 25}, training[] = {5, 1, 20};
	check_refused_at(initializer, 2);
	check_refused_at(constant, 4);
	check_refused_at(in_branch, 7);
	check_refused_at(sparse, 3);
	check_refused_at(in_function, 4);
	check_refused_at(training, 3);
}

static void test_broken(void)
{
	struct error error = {0};
	struct message message = {.bytes = "this is a text and no model", .length = 27};
	CHECK_NUMBER(refuse(&message, &error), -EINVAL);
	message.length = 0;
	CHECK_NUMBER(refuse(&message, &error), -EINVAL);
	struct message huge = {
	    .bytes = {7 << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	    .length = 11};
	CHECK_NUMBER(refuse(&huge, &error), -EINVAL);
	/* Graphs within graphs without end. */
	struct message deep = tensor_located(0);
	for (int i = 0; i < 100; i++) {
		wrap(&deep, 6);
		wrap(&deep, 5);
		wrap(&deep, 1);
	}
	wrap(&deep, 7);
	CHECK_NUMBER(refuse(&deep, &error), -EINVAL);
	CHECK(strstr(error.text, "too deeply"));
}

int main(void)
{
	test_places();
	test_broken();
	return check_status();
}
