/* Tensors of texts, as tests make and read them: int32 count, offsets, bytes. */
#ifndef MAYFLY_TESTS_ONNX_PACKED_TEXT_H
#define MAYFLY_TESTS_ONNX_PACKED_TEXT_H

#include <stdint.h>
#include <string.h>

/* Packs `count` texts; returns the bytes used. */
static inline size_t pack_texts(const char *const *texts, int32_t count, char *out)
{
	int32_t at = 4 * (count + 2);
	memcpy(out, &count, 4);
	for (int32_t i = 0; i <= count; i++) {
		memcpy(out + 4 + 4 * i, &at, 4);
		if (i == count)
			break;
		size_t length = strlen(texts[i]);
		memcpy(out + at, texts[i], length);
		at += (int32_t)length;
	}
	return (size_t)at;
}

/* Whether the packed text at `place` is this one. */
static inline int is_packed(const void *data, int32_t place, const char *wanted)
{
	int32_t begin, end;
	memcpy(&begin, (const char *)data + 4 + 4 * place, 4);
	memcpy(&end, (const char *)data + 8 + 4 * place, 4);
	return (size_t)(end - begin) == strlen(wanted) &&
	       !memcmp((const char *)data + begin, wanted, strlen(wanted));
}

#endif
