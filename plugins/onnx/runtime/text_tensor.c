/* Packed texts; see text_tensor.h. */
#include "text_tensor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "sizes/sizes.h"

static int32_t read_number(const void *data, size_t place)
{
	int32_t number;
	memcpy(&number, (const char *)data + place * sizeof(number), sizeof(number));
	return number;
}

static void write_number(void *data, size_t place, size_t value)
{
	const int32_t number = (int32_t)value;
	memcpy((char *)data + place * sizeof(number), &number, sizeof(number));
}

static size_t head_size(size_t count)
{
	return (count + 2) * sizeof(int32_t);
}

int text_tensor_check(const struct tensor *tensor, uint64_t count, const char *name,
		      struct error *error)
{
	const size_t size = tensor->size;
	if (size < head_size(0) || size > INT32_MAX || count > size / sizeof(int32_t) - 2)
		return error_set(error, EINVAL,
				 "input %s of %" PRIu64 " texts cannot have %zu bytes", name, count,
				 size);
	const int32_t found = read_number(tensor->data, 0);
	if (found < 0 || (uint64_t)found != count)
		return error_set(error, EINVAL, "input %s has %d texts, its shape %" PRIu64, name,
				 (int)found, count);
	size_t before = head_size((size_t)count);
	bool whole = (size_t)read_number(tensor->data, 1) == before;
	for (size_t i = 0; whole && i < count; i++) {
		const int32_t end = read_number(tensor->data, 2 + i);
		whole = end >= 0 && (size_t)end >= before && (size_t)end <= size;
		before = whole ? (size_t)end : before;
	}
	if (!whole || before != size)
		return error_set(error, EINVAL, "the offsets of the texts of input %s are wrong",
				 name);
	return 0;
}

const char *text_tensor_at(const void *data, size_t place, size_t *length)
{
	const int32_t begin = read_number(data, 1 + place), end = read_number(data, 2 + place);
	*length = (size_t)(end - begin);
	return (const char *)data + begin;
}

size_t text_tensor_size(size_t count, size_t bytes)
{
	size_t size;
	if (count > INT32_MAX / sizeof(int32_t) - 2 ||
	    add_overflows(head_size(count), bytes, &size) || size > INT32_MAX)
		return 0;
	return size;
}

void text_tensor_begin(void *data, size_t count)
{
	write_number(data, 0, count);
	write_number(data, 1, head_size(count));
}

void text_tensor_put(void *data, size_t place, const void *text, size_t length)
{
	const size_t begin = (size_t)read_number(data, 1 + place);
	if (length)
		memcpy((char *)data + begin, text, length);
	write_number(data, 2 + place, begin + length);
}
