/* Refusing an op with a reason; see op_context.h. The accelerator host has it, too. */
#include <stdarg.h>
#include <stdio.h>

#include "accel/state/op_context.h"
#include "mayfly/results.h"
#include "util/log.h"
#include "vaccel/error.h"

int op_refuse(int code, const char *format, ...)
{
	char reason[MAYFLY_REASON_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	log_error("%s", reason);
	mayfly_op_set_reason(reason);
	return code;
}

int op_refuse_empty_picture(void)
{
	return op_refuse(VACCEL_EINVAL, "the picture is empty: a JPEG or PNG picture is wanted");
}
