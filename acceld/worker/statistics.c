/* What the worker has done; see statistics.h. */
#include "acceld/worker/statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel/plugins/plugin.h"
#include "accel/state/op_host.h"
#include "accel/wire/ops.h"
#include "acceld/tenants/account.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/lock.h"
#include "util/log.h"

#define SERIES_MAX 1024
#define MODELS_MAX 256

struct statistics_series {
	char tenant[MAYFLY_TENANT_NAME_SIZE];
	char model[MAYFLY_MODEL_NAME_SIZE];
	uint16_t op;
	_Atomic uint64_t count, errors, sum_ns[MAYFLY_PHASES],
	    buckets[MAYFLY_PHASES][MAYFLY_BUCKETS];
};

struct statistics {
	uint64_t start_ns;
	bool has_key;
	uint8_t key[MAYFLY_STATISTICS_KEY];
	_Atomic uint64_t uncounted;
	pthread_mutex_t lock; /* of adding to the list, which only grows */
	atomic_size_t count;
	struct statistics_series *series[SERIES_MAX];
};

struct statistics *statistics_new(void)
{
	struct statistics *statistics = calloc(1, sizeof(*statistics));
	if (!statistics)
		return NULL;
	statistics->start_ns = clock_now_ns();
	pthread_mutex_init(&statistics->lock, NULL);
	return statistics;
}

void statistics_delete(struct statistics *statistics)
{
	if (!statistics)
		return;
	for (size_t i = 0; i < atomic_load(&statistics->count); i++)
		free(statistics->series[i]);
	pthread_mutex_destroy(&statistics->lock);
	free(statistics);
}

/* ── the key ─────────────────────────────────────────────────────────────────────────────────── */

/* In place, because whoever has the file open is to find the next worker's key in it. */
void statistics_make_key(struct statistics *statistics, const char *socket_path)
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof(path), "%s.key", socket_path) >= sizeof(path) ||
	    getrandom(statistics->key, sizeof(statistics->key), 0) !=
		(ssize_t)sizeof(statistics->key))
		return;
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fchmod(fd, 0600) || ftruncate(fd, 0) ||
	    file_write_all(fd, statistics->key, sizeof(statistics->key))) {
		log_warn("nobody can ask this host for statistics: cannot write %s: %s", path,
			 strerrordesc_np(errno));
		return;
	}
	statistics->has_key = true;
}

/* Takes as long for every key. */
bool statistics_know_key(const struct statistics *statistics, const void *key, size_t size)
{
	const uint8_t *bytes = key;
	uint8_t difference = 0;
	if (!statistics->has_key || size != sizeof(statistics->key))
		return false;
	for (size_t i = 0; i < size; i++)
		difference |= bytes[i] ^ statistics->key[i];
	return !difference;
}

/* ── counting ────────────────────────────────────────────────────────────────────────────────── */

static bool is_series(const struct statistics_series *series, const char *tenant, uint16_t op,
		      const char *model)
{
	return series->op == op && !strcmp(series->tenant, tenant) && !strcmp(series->model, model);
}

static struct statistics_series *find_series(struct statistics *statistics, const char *tenant,
					     uint16_t op, const char *model)
{
	size_t count = atomic_load(&statistics->count);
	for (size_t i = 0; i < count; i++)
		if (is_series(statistics->series[i], tenant, op, model))
			return statistics->series[i];
	return NULL;
}

/* NULL where there are too many. */
static struct statistics_series *add_series(struct statistics *statistics, const char *tenant,
					    uint16_t op, const char *model)
{
	lock_scoped(&statistics->lock);
	struct statistics_series *series = find_series(statistics, tenant, op, model);
	size_t count = atomic_load(&statistics->count);
	if (series || count == SERIES_MAX || !(series = calloc(1, sizeof(*series))))
		return series;
	snprintf(series->tenant, sizeof(series->tenant), "%s", tenant);
	snprintf(series->model, sizeof(series->model), "%s", model);
	series->op = op;
	statistics->series[count] = series;
	atomic_store(&statistics->count, count + 1);
	return series;
}

static size_t find_bucket(uint64_t ns)
{
	static const uint64_t ends[] = {
#define END(ns, text) ns,
	    MAYFLY_BUCKET_ENDS(END)
#undef END
	};
	_Static_assert(ARRAY_SIZE(ends) == MAYFLY_BUCKETS - 1, "one bucket is beyond the ends");
	size_t bucket = 0;
	while (bucket < ARRAY_SIZE(ends) && ns > ends[bucket])
		bucket++;
	return bucket;
}

static void add(_Atomic uint64_t *number, uint64_t more)
{
	atomic_fetch_add_explicit(number, more, memory_order_relaxed);
}

void statistics_count(struct statistics *statistics, const char *tenant, uint16_t op, int status,
		      const struct mayfly_op_times *times, struct statistics_series **last)
{
	struct statistics_series *series = *last;
	if (wire_op_place(op) == WIRE_OP_PLACES)
		return; /* there may be as many numbers as a client likes */
	if (!series || !is_series(series, tenant, op, times->model))
		series = find_series(statistics, tenant, op, times->model);
	if (!series)
		series = add_series(statistics, tenant, op, times->model);
	if (!series) {
		add(&statistics->uncounted, 1);
		return;
	}
	*last = series;
	add(&series->count, 1);
	if (status)
		add(&series->errors, 1);
	for (int phase = 0; phase < MAYFLY_PHASES; phase++) {
		add(&series->sum_ns[phase], times->ns[phase]);
		add(&series->buckets[phase][find_bucket(times->ns[phase])], 1);
	}
}

/* ── telling ─────────────────────────────────────────────────────────────────────────────────── */

static void tell_series(const struct statistics_series *series, struct mayfly_op_statistics *told)
{
	*told = (struct mayfly_op_statistics){.count = atomic_load(&series->count),
					      .errors = atomic_load(&series->errors)};
	memcpy(told->tenant, series->tenant, sizeof(told->tenant));
	memcpy(told->model, series->model, sizeof(told->model));
	snprintf(told->op, sizeof(told->op), "%s", wire_op_name(series->op));
	for (int phase = 0; phase < MAYFLY_PHASES; phase++) {
		told->sum_ns[phase] = atomic_load(&series->sum_ns[phase]);
		for (int i = 0; i < MAYFLY_BUCKETS; i++)
			told->buckets[phase][i] = atomic_load(&series->buckets[phase][i]);
	}
}

static void tell_account(struct account *account, struct mayfly_tenant_statistics *told)
{
	const struct policy *policy = account->policy;
	*told = (struct mayfly_tenant_statistics){
	    .process = account->tenant.is_process ? (int64_t)account->tenant.number : 0,
	    .weight = policy->weight,
	    .connections = (uint32_t)atomic_load(&account->parts.connections.held),
	    .sessions = (uint32_t)atomic_load(&account->parts.sessions.held),
	    .resources = (uint32_t)atomic_load(&account->parts.resources.held),
	    .sent_models = (uint32_t)atomic_load(&account->parts.models.held),
	    .ops_in_flight = atomic_load(&account->busy),
	    .memory = atomic_load(&account->parts.memory.held),
	    .model_memory = model_share_bytes(&account->models),
	};
	snprintf(told->name, sizeof(told->name), "%s", policy->name);
}

/* Appends to the stream; whether that was possible shows at its end. */
static uint32_t tell_accounts(struct accounts *accounts, FILE *out)
{
	uint32_t count = 0;
	lock_scoped(&accounts->lock);
	for (struct account *account = accounts->list; account; account = account->next) {
		struct mayfly_tenant_statistics told;
		if (!account->users)
			continue;
		tell_account(account, &told);
		fwrite(&told, sizeof(told), 1, out);
		count++;
	}
	return count;
}

static uint32_t tell_models(FILE *out)
{
	struct mayfly_loaded_model models[MODELS_MAX];
	size_t count = mayfly_plugins_list_models(models, MODELS_MAX);
	fwrite(models, sizeof(models[0]), count, out);
	return (uint32_t)count;
}

void *statistics_tell(struct statistics *statistics, struct accounts *accounts, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);
	if (!out)
		return NULL;
	const struct budget *memory = &accounts->wholes.memory;
	struct mayfly_statistics head = {
	    .version = MAYFLY_STATISTICS_VERSION,
	    .up_ns = clock_now_ns() - statistics->start_ns,
	    .memory = accounts->memory - atomic_load(&memory->left),
	    .memory_limit = accounts->memory,
	    .uncounted_ops = atomic_load(&statistics->uncounted),
	    .series = (uint32_t)atomic_load(&statistics->count),
	};
	fwrite(&head, sizeof(head), 1, out);
	head.tenants = tell_accounts(accounts, out);
	head.models = tell_models(out);
	for (uint32_t i = 0; i < head.series; i++) {
		struct mayfly_op_statistics told;
		tell_series(statistics->series[i], &told);
		fwrite(&told, sizeof(told), 1, out);
	}
	bool whole = !ferror(out);
	if (fclose(out) || !whole) {
		free(text);
		return NULL;
	}
	memcpy(text, &head, sizeof(head)); /* the counts are known now */
	return text;
}
