/* String helpers of the API. */
#include "vaccel/utils/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "vaccel/error.h"

int vaccel_str_to_lower(const char *str, char *lower, size_t size, char **alloc_lower)
{
	if (!str || (!alloc_lower && (!lower || !size)))
		return VACCEL_EINVAL;
	size_t length = strlen(str);
	char *out = lower;
	if (alloc_lower) {
		out = malloc(length + 1);
		if (!out)
			return VACCEL_ENOMEM;
	} else if (length >= size) {
		length = size - 1;
	}
	for (size_t i = 0; i < length; i++)
		out[i] = (char)tolower((unsigned char)str[i]);
	out[length] = 0;
	if (alloc_lower)
		*alloc_lower = out;
	return VACCEL_OK;
}
