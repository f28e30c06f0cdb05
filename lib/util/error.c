/* Errors as values; see error.h. */
#include "util/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

__attribute__((format(printf, 3, 0))) static void error_vset(struct error *error, int code,
							     const char *format, va_list arguments)
{
	error->code = code;
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	text_make_line(error->text, strlen(error->text));
}

int error_set(struct error *error, int code, const char *format, ...)
{
	if (error) {
		va_list arguments;
		va_start(arguments, format);
		error_vset(error, code, format, arguments);
		va_end(arguments);
	}
	return -code;
}

int error_set_errno(struct error *error, int code, const char *format, ...)
{
	if (error) {
		va_list arguments;
		va_start(arguments, format);
		error_vset(error, code, format, arguments);
		va_end(arguments);
		size_t used = strlen(error->text);
		char description[128];
		snprintf(error->text + used, sizeof(error->text) - used, ": %s",
			 strerror_r(code, description, sizeof(description)));
	}
	return -code;
}

int error_wrap(struct error *error, const char *format, ...)
{
	if (!error)
		return -5; /* EIO: without an error object the cause is not known here */
	char inner[ERROR_TEXT_MAX];
	memcpy(inner, error->text, sizeof(inner));
	va_list arguments;
	va_start(arguments, format);
	error_vset(error, error->code, format, arguments);
	va_end(arguments);
	size_t used = strlen(error->text);
	snprintf(error->text + used, sizeof(error->text) - used, ": %s", inner);
	return -error->code;
}
