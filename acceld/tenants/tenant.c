/* The shared worker's side of tenants' workers; see tenant.h. */
#include "acceld/tenants/tenant.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel/state/op_host.h"
#include "accel/wire/wire.h"
#include "acceld/tenants/account.h"
#include "acceld/tenants/sent_model.h"
#include "acceld/tenants/tenant_channel.h"
#include "mayfly/results.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors_pass.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel.h"

/* How long after its deadline a worker may still answer by itself, which says more and costs less
 * than its end. */
#define GRACE_NS (NANOSECONDS_PER_SECOND / 4)

/* How long the zygote may take to tell how a worker ended; it does so at once. */
#define WORD_LIMIT_MS 500

/* The memory for messages up to this size stays between ops, as long as there is a worker. The
 * budget does not count it: there is one for each worker at the most. */
#define KEPT_MEMORY (1UL << 20)

#define MEMORY_UNIT (64UL << 10)

void tenants_init(struct tenants *tenants, int zygote, unsigned limit)
{
	*tenants = (struct tenants){.zygote = zygote, .limit = limit};
	pthread_mutex_init(&tenants->lock, NULL);
	pthread_cond_init(&tenants->rested, NULL);
}

void tenants_release(struct tenants *tenants)
{
	pthread_cond_destroy(&tenants->rested);
	pthread_mutex_destroy(&tenants->lock);
}

void tenant_init(struct tenant *tenant, struct tenants *tenants, struct account *account,
		 int client_socket)
{
	*tenant = (struct tenant){.tenants = tenants,
				  .account = account,
				  .client_socket = client_socket,
				  .channel = -1,
				  .leash = -1,
				  .runs = "model",
				  .generation = 1};
}

static int fail(int status, const char *reason)
{
	mayfly_op_set_reason(reason);
	return status;
}

/* ── workers come and go ─────────────────────────────────────────────────────────────────────── */

static void drop_memory(struct tenant *tenant)
{
	if (tenant->memory)
		munmap(tenant->memory, tenant->size);
	tenant->memory = NULL;
	tenant->size = 0;
	budget_give(&tenant->account->parts.memory, tenant->taken);
	tenant->taken = 0;
}

/* With the lock held, by whichever thread where the tenant is not busy. To close the leash is to
 * kill. */
static void unlist(struct tenant *tenant)
{
	struct tenants *tenants = tenant->tenants;
	if (tenant->previous)
		tenant->previous->next = tenant->next;
	else
		tenants->list = tenant->next;
	if (tenant->next)
		tenant->next->previous = tenant->previous;
	tenant->next = tenant->previous = NULL;
	tenants->count--;
	close(take_fd(&tenant->leash));
	close(take_fd(&tenant->channel));
	drop_memory(tenant);
	pthread_cond_broadcast(&tenants->rested);
}

void tenant_end(struct tenant *tenant)
{
	lock_scoped(&tenant->tenants->lock);
	if (tenant->channel >= 0)
		unlist(tenant);
}

/* With the lock held: ends the worker that has had nothing to do for the longest time. False where
 * all are busy. */
static bool make_room(struct tenants *tenants)
{
	struct tenant *oldest = NULL;
	for (struct tenant *each = tenants->list; each; each = each->next)
		if (!each->busy && (!oldest || each->last_used < oldest->last_used))
			oldest = each;
	if (oldest)
		unlist(oldest);
	return oldest;
}

static bool has_ended(const struct tenant *tenant)
{
	struct pollfd event = {.fd = tenant->channel, .events = POLLIN};
	return poll(&event, 1, 0) != 0; /* between requests it must not send anything */
}

/* Asks the zygote for a worker at the other ends of `channel` and `leash`. 0 or an errno. */
static int order_worker(const struct tenants *tenants, bool runs_code, int *channel, int *leash)
{
	int channels[2], leashes[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channels))
		return errno;
	cleanup_close int own_channel = channels[0], other_channel = channels[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, leashes))
		return errno;
	cleanup_close int own_leash = leashes[0], other_leash = leashes[1];
	struct zygote_order order = {.magic = ZYGOTE_MAGIC, .runs_code = runs_code};
	const int sent[] = {other_channel, other_leash};
	/* If the queue is full, no zygote reads it. */
	int result =
	    descriptors_send(tenants->zygote, &order, sizeof(order), sent, 2, MSG_DONTWAIT);
	if (result)
		return -result;
	*channel = take_fd(&own_channel);
	*leash = take_fd(&own_leash);
	return 0;
}

/* With the lock held: waits until a worker is idle. 0, ETIMEDOUT, or ECANCELED. */
static int wait_for_rest(const struct tenant *tenant, uint64_t deadline_ns)
{
	struct tenants *tenants = tenant->tenants;
	const struct timespec until = clock_timespec(deadline_ns);
	int result = 0;
	if (!tenant->stopped)
		result = deadline_ns ? pthread_cond_clockwait(&tenants->rested, &tenants->lock,
							      CLOCK_MONOTONIC, &until)
				     : pthread_cond_wait(&tenants->rested, &tenants->lock);
	return tenant->stopped ? ECANCELED : result;
}

static void stop_waiting(void *context)
{
	struct tenant *tenant = context;
	lock_scoped(&tenant->tenants->lock);
	tenant->stopped = true;
	pthread_cond_broadcast(&tenant->tenants->rested);
}

/* With the lock held: waits until one more worker of this client may be at work; then it is counted
 * as one. */
static bool wait_for_share(const struct tenant *tenant, uint64_t deadline_ns)
{
	int waited = 0;
	while (!budget_take(&tenant->account->parts.workers, 1)) {
		if (waited)
			return false;
		waited = wait_for_rest(tenant, deadline_ns);
	}
	return true;
}

/* With the lock held: waits until there is room for one more worker. */
static bool wait_for_room(const struct tenant *tenant, uint64_t deadline_ns)
{
	struct tenants *tenants = tenant->tenants;
	int waited = 0;
	while (tenants->count >= tenants->limit && !make_room(tenants)) {
		if (waited)
			return false;
		waited = wait_for_rest(tenant, deadline_ns);
	}
	return true;
}

/* With the lock held. */
static int make_worker(struct tenant *tenant)
{
	struct tenants *tenants = tenant->tenants;
	if (!wait_for_room(tenant, mayfly_op_deadline_ns()))
		return fail(VACCEL_EUSERS, "all workers for models that clients send are busy");
	const struct policy *policy = tenant->account->policy;
	int result = order_worker(tenants, policy->run_code || policy->host_libraries,
				  &tenant->channel, &tenant->leash);
	if (result) {
		log_warn("cannot ask for a worker of a client's own: %s", strerror(result));
		return fail(VACCEL_ENOMEM,
			    "no worker could be started for a model that a client sent");
	}
	tenant->generation++;
	tenant->previous = NULL;
	tenant->next = tenants->list;
	if (tenant->next)
		tenant->next->previous = tenant;
	tenants->list = tenant;
	tenants->count++;
	return VACCEL_OK;
}

/* With the lock held. */
static int begin(struct tenant *tenant)
{
	struct tenants *tenants = tenant->tenants;
	if (!wait_for_share(tenant, mayfly_op_deadline_ns()))
		return fail(VACCEL_EUSERS, "as many workers run models that this client has sent "
					   "as may beside others");
	if (tenant->channel >= 0 && has_ended(tenant))
		unlist(tenant);
	int result = tenant->channel < 0 ? make_worker(tenant) : VACCEL_OK;
	if (result) {
		budget_give(&tenant->account->parts.workers, 1);
		pthread_cond_broadcast(&tenants->rested);
		return result;
	}
	tenant->busy = true;
	tenant->last_used = ++tenants->uses;
	return VACCEL_OK;
}

int tenant_begin(struct tenant *tenant)
{
	int result = VACCEL_EAGAIN;
	tenant->stopped = false;
	/* Not with the lock held: whoever stops the op has another one when it comes here. */
	if (!mayfly_op_on_stop(stop_waiting, tenant)) {
		lock_scoped(&tenant->tenants->lock);
		result = begin(tenant);
	}
	mayfly_op_on_stop(NULL, NULL);
	if (result && mayfly_op_is_stopped())
		return fail(VACCEL_EAGAIN, "the op was cancelled while it waited");
	return result;
}

void tenant_rest(struct tenant *tenant)
{
	if (tenant->size > KEPT_MEMORY)
		drop_memory(tenant);
	lock_scoped(&tenant->tenants->lock);
	tenant->busy = false;
	budget_give(&tenant->account->parts.workers, 1);
	/* Wakes all, because the first one may belong to a client that has its share at work. */
	pthread_cond_broadcast(&tenant->tenants->rested);
}

/* ── requests and answers ────────────────────────────────────────────────────────────────────── */

/* The worker has hung up: the zygote says what became of it. */
static int tell_end(struct tenant *tenant)
{
	struct zygote_word word;
	char reason[MAYFLY_REASON_SIZE];
	struct pollfd event = {.fd = tenant->leash, .events = POLLIN};
	int ready = poll(&event, 1, WORD_LIMIT_MS);
	ssize_t length = ready > 0 ? recv(tenant->leash, &word, sizeof(word), MSG_DONTWAIT) : -1;
	tenant_end(tenant);
	if (length != (ssize_t)sizeof(word))
		return fail(VACCEL_EBACKEND, "the worker that ran the model has gone");
	if (word.kind == ZYGOTE_REFUSES && word.status == ENODEV)
		return fail(VACCEL_ENODEV, "the accelerator host has no plugin that runs models: "
					   "\"mayfly doctor\" tells what is missing");
	if (word.kind == ZYGOTE_REFUSES)
		return fail(VACCEL_ENOMEM,
			    "no worker could be started for a model that a client sent");
	if (WIFSIGNALED(word.status) && WTERMSIG(word.status) == SIGKILL)
		snprintf(reason, sizeof(reason), "the worker that ran the %s was killed",
			 tenant->runs);
	else if (WIFSIGNALED(word.status))
		snprintf(reason, sizeof(reason), "the %s crashed the worker that ran it (%s)",
			 tenant->runs, strsignal(WTERMSIG(word.status)));
	else
		snprintf(reason, sizeof(reason), "the %s ended the worker that ran it (status %d)",
			 tenant->runs, WEXITSTATUS(word.status));
	log_warn("%s", reason);
	return fail(VACCEL_EBACKEND, reason);
}

static int send_request(struct tenant *tenant, const struct tenant_request *request, const int *fds,
			size_t count)
{
	int result =
	    descriptors_send(tenant->channel, request, sizeof(*request), fds, count, MSG_DONTWAIT);
	return result ? tell_end(tenant) : VACCEL_OK;
}

/* Waits until the worker has something to say: 1. 0: it takes too long. -1: the client has gone. */
static int wait_for_answer(const struct tenant *tenant, uint64_t latest_ns)
{
	for (;;) {
		struct pollfd events[] = {{.fd = tenant->channel, .events = POLLIN},
					  {.fd = tenant->client_socket, .events = POLLRDHUP}};
		const struct timespec left = clock_left_until(latest_ns);
		int ready = ppoll(events, 2, latest_ns ? &left : NULL, NULL);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready > 0)
			return events[0].revents ? 1 : -1;
		return 0;
	}
}

static void hang_up(void *context)
{
	const struct tenant *tenant = context;
	shutdown(tenant->channel, SHUT_RDWR);
}

/* Ends the worker where it takes too long or nobody wants to hear it any more. */
static int await_answer(struct tenant *tenant, uint64_t latest_ns)
{
	char reason[MAYFLY_REASON_SIZE];
	/* The channel stays open for as long as somebody might hang up. */
	int answered = mayfly_op_on_stop(hang_up, tenant) ? 0 : wait_for_answer(tenant, latest_ns);
	mayfly_op_on_stop(NULL, NULL);
	bool stopped = mayfly_op_is_stopped();
	if (answered > 0 && !stopped)
		return VACCEL_OK;
	tenant_end(tenant);
	if (stopped)
		return fail(VACCEL_EAGAIN, "the op was cancelled: the worker that ran the model "
					   "was ended");
	if (answered < 0)
		return fail(VACCEL_EBACKEND, "the client has gone");
	snprintf(reason, sizeof(reason),
		 "the deadline passed, and the %s did not stop: the worker that ran it was ended",
		 tenant->runs);
	return fail(VACCEL_EAGAIN, reason);
}

static int receive_answer(struct tenant *tenant, uint64_t serial, struct tenant_answer *answer)
{
	ssize_t length = recv(tenant->channel, answer, sizeof(*answer), MSG_DONTWAIT | MSG_TRUNC);
	if (length <= 0)
		return tell_end(tenant);
	if (length == (ssize_t)sizeof(*answer) && answer->serial == serial)
		return VACCEL_OK;
	tenant_end(tenant);
	log_warn("a tenant's worker gave an answer that nobody had asked for, and was ended");
	return fail(VACCEL_EBACKEND, "the worker that ran the model gave a malformed answer");
}

/* Sends the request and waits for its answer, whose status is returned. */
static int ask(struct tenant *tenant, struct tenant_request *request, const int *fds, size_t count)
{
	uint64_t deadline_ns = mayfly_op_deadline_ns(), now_ns = clock_now_ns(), latest_ns = 0;
	if (deadline_ns) {
		if (now_ns >= deadline_ns)
			return fail(VACCEL_EAGAIN, "the deadline passed before the model ran");
		request->limit_ns = deadline_ns - now_ns;
		latest_ns = deadline_ns + GRACE_NS;
	}
	struct tenant_answer answer;
	request->serial = ++tenant->serial;
	int result = send_request(tenant, request, fds, count);
	if (!result)
		result = await_answer(tenant, latest_ns);
	if (!result)
		result = receive_answer(tenant, request->serial, &answer);
	if (result || !answer.status)
		return result;
	answer.reason[sizeof(answer.reason) - 1] = 0;
	mayfly_op_set_reason(answer.reason);
	return answer.status > 0 && answer.status <= INT32_MAX ? (int)answer.status
							       : VACCEL_EBACKEND;
}

int tenant_register(struct tenant *tenant, int64_t session, uint32_t flags, uint64_t key,
		    const struct sent_files *files)
{
	struct stat status;
	if (fstat(files->fds[0], &status))
		return errno;
	struct tenant_request request = {.kind = TENANT_REGISTER,
					 .session = session,
					 .flags = flags,
					 .key = key,
					 .size = (uint64_t)status.st_size};
	tenant->runs = files->count > 1 ? "code" : "model";
	return ask(tenant, &request, files->fds, files->count);
}

/* ── messages ────────────────────────────────────────────────────────────────────────────────── */

/* Memory of `size` bytes that neither side can take away from the other. */
static int make_memory(struct tenant *tenant, size_t size)
{
	cleanup_close int fd = memfd_create("messages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fail(VACCEL_ENOMEM, "no memory for the message");
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return fail(VACCEL_ENOMEM, "no memory for the message");
	tenant->memory = memory;
	tenant->size = size;
	/* Without an answer: the next request follows at once. */
	const struct tenant_request request = {.kind = TENANT_MEMORY, .size = size};
	return send_request(tenant, &request, &fd, 1);
}

/* What a message takes with its arguments inside, and how much it may become by outputs that grow. */
struct message_size {
	uint64_t least, wanted;
};

static struct message_size measure(const struct wire_message *message)
{
	uint64_t least = wire_packed_size(message);
	return (struct message_size){least, least + message->extent - message->header.data_end};
}

/* Takes out of the budget what the message needs, and for what its outputs may grow by as far as
 * there is. */
static int take_memory(struct tenant *tenant, const struct message_size *message, uint64_t *size)
{
	uint64_t least;
	if (round_up_overflows(message->wanted, MEMORY_UNIT, size) ||
	    round_up_overflows(message->least, MEMORY_UNIT, &least))
		return VACCEL_ENOMEM;
	while (!budget_take(&tenant->account->parts.memory, *size)) {
		if (*size <= least)
			return fail(VACCEL_ENOMEM,
				    "the message does not fit into the memory for messages");
		*size = least + (*size - least) / 2 / MEMORY_UNIT * MEMORY_UNIT;
	}
	tenant->taken = *size;
	return VACCEL_OK;
}

/* Makes the memory large enough for the message. */
static int reserve_memory(struct tenant *tenant, const struct message_size *message)
{
	uint64_t size = KEPT_MEMORY;
	if (message->wanted <= tenant->size)
		return VACCEL_OK;
	drop_memory(tenant);
	int result =
	    message->wanted > KEPT_MEMORY ? take_memory(tenant, message, &size) : VACCEL_OK;
	if (!result)
		result = make_memory(tenant, size);
	if (result)
		drop_memory(tenant);
	return result;
}

int tenant_call(struct tenant *tenant, int64_t session, uint32_t flags, uint64_t key,
		struct wire_message *message)
{
	const struct message_size size = measure(message);
	int result = reserve_memory(tenant, &size);
	if (result)
		return result;
	uint64_t extent = size.wanted < tenant->size ? size.wanted : tenant->size;
	if (wire_repack(message, tenant->memory, extent))
		return VACCEL_ENOMEM;
	struct tenant_request request = {
	    .kind = TENANT_CALL, .session = session, .flags = flags, .key = key, .size = extent};
	tenant->runs = message->header.op == VACCEL_OP_EXEC_WITH_RESOURCE ? "code" : "model";
	result = ask(tenant, &request, NULL, 0);
	/* The worker is its client's own, and may tell it what it likes. */
	if (!result)
		wire_answer_from(message, tenant->memory, extent);
	return result;
}
