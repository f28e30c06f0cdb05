/* Names of installed models; see name.h. */
#include "model_cache/name.h"

#include <string.h>

static const char *skip_word(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	return text + strspn(text, allowed);
}

bool model_name_is_valid(const char *name)
{
	const char *end = skip_word(name);
	if (end == name || name[0] == '.')
		return false;
	if (*end == '@') {
		const char *version = end + 1;
		end = skip_word(version);
		if (end == version)
			return false;
	}
	return !*end && end - name < MODEL_NAME_SIZE;
}

size_t model_name_base_length(const char *name)
{
	return strcspn(name, "@");
}

int model_name_compare_versions(const char *a, const char *b)
{
	return strverscmp(a + model_name_base_length(a), b + model_name_base_length(b));
}
