/* Many threads with sessions of their own and a session and a resource in common. Most telling
 * under ThreadSanitizer. */
#include <pthread.h>

#include "check.h"
#include "mayfly/results.h"
#include "vaccel.h"

enum { THREADS = 16, ROUNDS = 200 };

static struct vaccel_session shared_session;
static struct vaccel_resource shared_resource;

static void *work(void *argument)
{
	(void)argument;
	for (int i = 0; i < ROUNDS; i++) {
		struct vaccel_session session, *found;
		struct vaccel_resource own, *model;
		struct mayfly_label label;
		size_t count;
		unsigned char text[64];
		if (!CHECK(!vaccel_session_init(&session, 0)))
			break;
		CHECK(!vaccel_session_get_by_id(&found, session.id) && found == &session);
		CHECK(!vaccel_resource_init_from_buf(&own, "x", 1, VACCEL_RESOURCE_MODEL, NULL,
						     true));
		CHECK(!vaccel_resource_register(&own, &shared_session));
		CHECK(!vaccel_resource_register(&shared_resource, &session));
		CHECK(!vaccel_session_resource_by_type(&session, &model, VACCEL_RESOURCE_MODEL));
		CHECK(model == &shared_resource);
		CHECK(!vaccel_noop(&shared_session));
		CHECK(!vaccel_image_detection(&shared_session, "x", text, 1, sizeof(text)));
		CHECK(!mayfly_classify_labels(&session, "x", 1, &label, 1, &count));
		mayfly_op_set_deadline((uint64_t)i);
		CHECK(mayfly_op_deadline_ns() == (uint64_t)i);
		CHECK(!vaccel_resource_release(&own));
		CHECK(!vaccel_session_release(&session));
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	if (!CHECK(!vaccel_session_init(&shared_session, 0)) ||
	    !CHECK(!vaccel_resource_init(&shared_resource, "model:any", VACCEL_RESOURCE_MODEL)))
		return check_status();
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, work, NULL));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK_NUMBER(vaccel_resource_refcount(&shared_resource), 0);
	CHECK_NUMBER(shared_session.resource_counts[VACCEL_RESOURCE_MODEL], 0);
	vaccel_resource_release(&shared_resource);
	vaccel_session_release(&shared_session);
	return check_status();
}
