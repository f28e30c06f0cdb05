/* What the library itself costs: medians and p99 of single calls, in ns, on standard output.
 *
 * Run with VACCEL_PLUGINS=noop. Each sample is the mean of a batch, so that the clock's own time
 * does not count; the first batches warm the caches and are dropped.
 */
#include <stdio.h>
#include <stdlib.h>

#include "util/clock.h"
#include "vaccel.h"

enum { BATCHES = 1000, WARM_UP = 20 };

struct measurement {
	const char *name;
	int (*call)(struct vaccel_session *session);
	unsigned int calls; /* in a batch */
};

static int open_and_release(struct vaccel_session *session)
{
	(void)session;
	struct vaccel_session fresh;
	int result = vaccel_session_init(&fresh, 0);
	return result ? result : vaccel_session_release(&fresh);
}

static int classify(struct vaccel_session *session)
{
	unsigned char text[64];
	return vaccel_image_classification(session, "image", text, NULL, 5, sizeof(text), 0);
}

static int find_by_id(struct vaccel_session *session)
{
	struct vaccel_session *found;
	return vaccel_session_get_by_id(&found, session->id);
}

static int log_disabled(struct vaccel_session *session)
{
	vaccel_debug("session %lld", (long long)session->id);
	return VACCEL_OK;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

static int measure(const struct measurement *what, struct vaccel_session *session)
{
	static double samples[BATCHES];
	for (int batch = -WARM_UP; batch < BATCHES; batch++) {
		uint64_t begin = clock_now_ns();
		for (unsigned int i = 0; i < what->calls; i++) {
			int result = what->call(session);
			if (result) {
				fprintf(stderr, "%s: error %d\n", what->name, result);
				return result;
			}
		}
		if (batch >= 0)
			samples[batch] = (double)(clock_now_ns() - begin) / what->calls;
	}
	qsort(samples, BATCHES, sizeof(samples[0]), compare);
	printf("%-28s p50 %8.1f ns   p99 %8.1f ns\n", what->name, samples[BATCHES / 2],
	       samples[BATCHES * 99 / 100]);
	return 0;
}

int main(void)
{
	static const struct measurement measurements[] = {
	    {"vaccel_noop", vaccel_noop, 10000},
	    {"session init + release", open_and_release, 1000},
	    {"session by id", find_by_id, 10000},
	    {"classification, noop plugin", classify, 1000},
	    {"disabled log line", log_disabled, 10000},
	};
	struct vaccel_session session;
	int result = vaccel_session_init(&session, 0);
	if (result) {
		fprintf(stderr, "no session (error %d); is VACCEL_PLUGINS=noop set?\n", result);
		return 1;
	}
	for (size_t i = 0; !result && i < sizeof(measurements) / sizeof(measurements[0]); i++)
		result = measure(&measurements[i], &session);
	vaccel_session_release(&session);
	return result ? 1 : 0;
}
