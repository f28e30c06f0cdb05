/* Many want a model that is being loaded: each waits until its own deadline, and no longer. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "cache.h"
#include "engines.h"
#include "runtime/network_cache.h"
#include "tiny_model.h"
#include "util/clock.h"

/* Half a second of loading, so that who comes meanwhile comes in time. */
#define SIDE	 1024
#define PRODUCTS 8

struct request {
	struct network_cache *cache;
	const struct network_source *source;
	uint64_t deadline_ns;
	struct network_entry *entry;
	struct error error;
	int result;
};

static void *get(void *argument)
{
	struct request *request = argument;
	request->result = network_cache_get(request->cache, request->source, request->deadline_ns,
					    &request->entry, &request->error);
	return NULL;
}

static void make_source(struct network_source *source, const struct tiny_model *model)
{
	struct error error = {0};
	*source = (struct network_source){.data = model->bytes, .size = model->length};
	CHECK_NUMBER(hash_buffer(source->data, source->size, source->hash, &error), 0);
}

static bool is_loading(struct network_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	bool loading = cache->entries && !cache->entries->network;
	pthread_mutex_unlock(&cache->lock);
	return loading;
}

static unsigned count_users(struct network_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	unsigned users = cache->entries ? cache->entries->users : 0;
	pthread_mutex_unlock(&cache->lock);
	return users;
}

static void await_users(struct network_cache *cache, unsigned users)
{
	for (int turn = 0; turn < 10000 && count_users(cache) != users; turn++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	CHECK_NUMBER(count_users(cache), users);
}

static void give_up(struct request *request)
{
	get(request);
	CHECK_NUMBER(request->result, -ETIMEDOUT);
	CHECK(strstr(request->error.text, "deadline"));
	CHECK(!request->entry);
	CHECK(!request->deadline_ns || clock_now_ns() >= request->deadline_ns);
}

static void test_deadlines(struct network_cache *cache)
{
	struct tiny_model model;
	struct network_source source;
	tiny_model_slow_to_load(&model, SIDE, PRODUCTS);
	make_source(&source, &model);
	struct request first = {.cache = cache, .source = &source}, patient = first, late = first;
	pthread_t loading, waiting;
	/* Nobody begins what can be of no use to them. */
	late.deadline_ns = 1;
	give_up(&late);
	CHECK(!cache->entries);
	if (!CHECK(!pthread_create(&loading, NULL, get, &first)))
		return;
	await_users(cache, 1);
	bool waits = CHECK(!pthread_create(&waiting, NULL, get, &patient));
	await_users(cache, 1 + waits);
	late.deadline_ns = clock_now_ns();
	give_up(&late);
	late.deadline_ns = clock_now_ns() + NANOSECONDS_PER_SECOND / 50;
	give_up(&late);
	CHECK(is_loading(cache)); /* else nobody had to wait */
	CHECK_NUMBER(count_users(cache), 1 + waits);
	pthread_join(loading, NULL);
	CHECK_NUMBER(first.result, 0);
	if (waits) {
		pthread_join(waiting, NULL);
		CHECK_NUMBER(patient.result, 0);
		CHECK(patient.entry == first.entry);
		network_cache_put(cache, patient.entry);
	}
	/* Loaded: there is nothing to wait for. */
	late.deadline_ns = clock_now_ns() + 60 * NANOSECONDS_PER_SECOND;
	get(&late);
	CHECK_NUMBER(late.result, 0);
	CHECK(late.entry == first.entry);
	network_cache_put(cache, late.entry);
	network_cache_put(cache, first.entry);
}

/* Nothing is left of a load that failed, and the next one tries again. */
static void test_failure(struct network_cache *cache)
{
	struct tiny_model model;
	struct network_source source;
	tiny_model_circle(&model);
	make_source(&source, &model);
	struct request request = {.cache = cache, .source = &source};
	for (int turn = 0; turn < 2; turn++) {
		get(&request);
		CHECK_NUMBER(request.result, -EIO);
		CHECK(!request.entry);
		CHECK(!cache->entries || strcmp(cache->entries->hash, source.hash) != 0);
	}
}

int main(void)
{
	struct engines engines;
	struct network_cache cache;
	struct error error = {0};
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	if (!CHECK_NUMBER(engines_init(&engines, &error), 0)) {
		fprintf(stderr, "  %s\n", error.text);
		return check_status();
	}
	network_cache_init(&cache, engines_create_network, &engines, 1 << 20);
	test_deadlines(&cache);
	test_failure(&cache);
	network_cache_release(&cache);
	engines_release(&engines);
	return check_status();
}
