/* The mbench plugin: an op that takes as long as its caller says.
 *
 * It is vaccel_exec() with "mbench" as the library or the function, and at least two arguments, of
 * which the first says in decimal digits how many milliseconds, 1 to 300000. As in vAccel, it keeps
 * a processor busy for that time.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/plugin.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/lock.h"
#include "vaccel.h"

#define TIME_MAX_MS	  300000
#define NANOSECONDS_IN_MS 1000000ULL

static struct vaccel_prof_region region = VACCEL_PROF_REGION_INIT("vaccel_mbench_plugin");
/* A region belongs to one thread at a time. Where profiling is on, ops come one after the other. */
static pthread_mutex_t region_lock = PTHREAD_MUTEX_INITIALIZER;

static int refuse(int result, const char *reason)
{
	vaccel_error("mbench: %s", reason);
	mayfly_plugin_set_reason(reason);
	return result;
}

/* The number that an argument has as text, which may lack its NUL; 0 where it is none or too
 * large. */
static long read_number(const struct vaccel_arg *argument)
{
	char text[16] = "";
	if (!argument->buf || !argument->size)
		return 0;
	size_t length = strnlen(argument->buf, argument->size);
	if (length >= sizeof(text))
		return 0;
	memcpy(text, argument->buf, length);
	return strtol(text, NULL, 10);
}

static int spend(long time_ms)
{
	const uint64_t end_ns = clock_now_ns() + (uint64_t)time_ms * NANOSECONDS_IN_MS;
	const uint64_t deadline_ns = mayfly_plugin_deadline_ns();
	for (uint64_t now_ns; (now_ns = clock_now_ns()) < end_ns;) {
		if (deadline_ns && now_ns >= deadline_ns)
			return refuse(VACCEL_EAGAIN, "the deadline passed");
		if (mayfly_plugin_is_stopped())
			return refuse(VACCEL_EAGAIN, "the op was cancelled");
	}
	return VACCEL_OK;
}

static int mbench(struct vaccel_session *session, const char *library, const char *function,
		  struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		  size_t nr_write)
{
	(void)write, (void)nr_write;
	if (!session || !library || !function ||
	    (strcmp(library, "mbench") != 0 && strcmp(function, "mbench") != 0))
		return refuse(VACCEL_EINVAL, "neither the library nor the function is mbench");
	if (nr_read < 2 || !read)
		return refuse(VACCEL_EINVAL, "two arguments are needed");
	const long time_ms = read_number(&read[0]);
	if (time_ms < 1 || time_ms > TIME_MAX_MS)
		return refuse(VACCEL_EINVAL, "the first argument is a text with the number of "
					     "milliseconds, 1 to 300000");
	if (!vaccel_prof_enabled())
		return spend(time_ms);
	lock_scoped(&region_lock);
	vaccel_prof_region_start(&region);
	int result = spend(time_ms);
	vaccel_prof_region_stop(&region);
	return result;
}

static struct vaccel_op ops[] = {VACCEL_OP_INIT(exec, VACCEL_OP_EXEC, mbench)};

static int mbench_init(void)
{
	return vaccel_plugin_register_ops(ops, ARRAY_SIZE(ops));
}

static int mbench_fini(void)
{
	vaccel_prof_region_print(&region);
	vaccel_prof_region_release(&region);
	return VACCEL_OK;
}

VACCEL_API const struct mayfly_plugin mayfly_plugin = {
    .version = MAYFLY_PLUGIN_VERSION,
    .computes = true,
};

VACCEL_PLUGIN(.name = "mbench", .version = "0.1.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_GENERIC | VACCEL_PLUGIN_CPU,
	      .init = mbench_init, .fini = mbench_fini)
