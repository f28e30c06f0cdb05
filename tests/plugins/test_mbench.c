/* The mbench plugin: an op takes the time that it is told to, or is refused. */
#include <string.h>

#include "check.h"
#include "mayfly/results.h"
#include "util/clock.h"
#include "vaccel.h"

static int call(struct vaccel_session *session, const char *library, const char *function,
		const char *time, size_t count)
{
	struct vaccel_arg read[2] = {
	    {.buf = (void *)time, .size = strlen(time) + 1, .type = VACCEL_ARG_STRING},
	    {.buf = (void *)"", .size = 1, .type = VACCEL_ARG_STRING}};
	return vaccel_exec(session, library, function, read, count, NULL, 0);
}

int main(void)
{
	struct vaccel_session session;
	if (!CHECK(!vaccel_session_init(&session, 0)))
		return check_status();
	uint64_t start_ns = clock_now_ns();
	CHECK_NUMBER(call(&session, "mbench", "anything", "30", 2), 0);
	CHECK(clock_now_ns() - start_ns >= 30 * 1000000ULL);
	CHECK_NUMBER(call(&session, "anything", "mbench", "1", 2), 0);
	CHECK_NUMBER(call(&session, "anything", "else", "1", 2), VACCEL_EINVAL);
	CHECK_NUMBER(call(&session, "mbench", "mbench", "1", 1), VACCEL_EINVAL);
	CHECK_NUMBER(call(&session, "mbench", "mbench", "0", 2), VACCEL_EINVAL);
	CHECK_NUMBER(call(&session, "mbench", "mbench", "-1", 2), VACCEL_EINVAL);
	CHECK_NUMBER(call(&session, "mbench", "mbench", "300001", 2), VACCEL_EINVAL);
	CHECK_NUMBER(call(&session, "mbench", "mbench", "1000000000000000000000", 2),
		     VACCEL_EINVAL);
	CHECK_NUMBER(call(&session, "mbench", "mbench", "soon", 2), VACCEL_EINVAL);
	mayfly_op_set_deadline(clock_now_ns() + 10 * 1000000ULL);
	CHECK_NUMBER(call(&session, "mbench", "mbench", "300000", 2), VACCEL_EAGAIN);
	mayfly_op_set_deadline(0);
	CHECK_NUMBER(vaccel_session_release(&session), 0);
	return check_status();
}
