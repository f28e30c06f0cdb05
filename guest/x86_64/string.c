/* The memory and string functions of C that the library OS uses and that the compiler may call.
 * String instructions: fast enough and free of vector registers, which belong to the program. */
#include <stdint.h>

#include "guest/lib/text.h"

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	void *destination = to;
	__asm__ volatile("rep movsb" : "+D"(destination), "+S"(from), "+c"(length) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t length)
{
	if ((uintptr_t)to - (uintptr_t)from >= length)
		return memcpy(to, from, length);
	char *destination = (char *)to + length - 1;
	const char *source = (const char *)from + length - 1;
	__asm__ volatile("std; rep movsb; cld"
			 : "+D"(destination), "+S"(source), "+c"(length)
			 :
			 : "memory");
	return to;
}

void *memset(void *to, int value, size_t length)
{
	void *destination = to;
	__asm__ volatile("rep stosb" : "+D"(destination), "+c"(length) : "a"(value) : "memory");
	return to;
}

int memcmp(const void *left, const void *right, size_t length)
{
	const unsigned char *a = left, *b = right;
	for (size_t i = 0; i < length; i++)
		if (a[i] != b[i])
			return a[i] - b[i];
	return 0;
}

size_t strlen(const char *text)
{
	size_t length = 0;
	while (text[length])
		length++;
	return length;
}

int strcmp(const char *left, const char *right)
{
	return strncmp(left, right, SIZE_MAX);
}

int strncmp(const char *left, const char *right, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (left[i] != right[i])
			return (unsigned char)left[i] - (unsigned char)right[i];
		if (!left[i])
			break;
	}
	return 0;
}
