/* Sizes in settings; see size_setting.h. */
#include "size_setting.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int size_setting_read(enum host_setting setting, size_t *bytes, struct error *error)
{
	const char *text = host_setting(setting);
	char *end;
	*bytes = 0;
	if (!text)
		return 0;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	static const char units[] = "KMG";
	const char *unit = *end ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (errno || end == text || *text == '-' || (*end && (!unit || end[1])) ||
	    number > SIZE_MAX >> shift)
		return error_set(error, EINVAL, "%s: \"%s\" is not a size like 1G",
				 host_setting_name(setting), text);
	*bytes = (size_t)number << shift;
	return 0;
}
