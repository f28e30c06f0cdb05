#include "courier/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/text.h"

#define ARENA_SIZE    (256UL << 20)
#define GRACE_NS      (30 * NANOSECONDS_PER_SECOND) /* beyond what an order may take */
#define ROOM_NS	      (5 * NANOSECONDS_PER_SECOND)  /* for a message */
#define SHORT_LIFE_NS NANOSECONDS_PER_SECOND
#define PAUSE_MS_MIN  20U
#define PAUSE_MS_MAX  5000U
#define ERRNO_MAX     4095

/* ── orders ──────────────────────────────────────────────────────────────────────────────────── */

static void answer_failure(const struct order *order, int result, const char *text)
{
	const struct courier_answer answer = {.result = result, .text = text};
	order->done(order->context, &answer);
}

/* Takes it off the list; NULL: there is none. With the lock. */
static struct order *take_order(struct courier *courier, uint64_t id)
{
	for (struct order **at = &courier->orders; *at; at = &(*at)->next)
		if ((*at)->id == id) {
			struct order *order = *at;
			*at = order->next;
			return order;
		}
	return NULL;
}

static void free_order(struct courier *courier, struct order *order)
{
	arena_give(courier->arena, order->offset);
	free(order);
}

static int send_order(struct courier *courier, struct order *order, struct link_message *message,
		      struct error *error)
{
	lock_scoped(&courier->lock);
	if (courier->stopping || courier->process.socket < 0)
		return error_set(error, EAGAIN, "the courier is being started again");
	order->id = message->id = ++courier->last_id;
	int result = link_send(courier->process.socket, message);
	if (result)
		return error_set(error, EAGAIN, "the courier has no room for more orders");
	order->next = courier->orders;
	courier->orders = order;
	return 0;
}

/* `message`: kind, and what depends on it. */
static int give_order(struct courier *courier, struct link_message *message,
		      const struct record *head, const void *body, size_t length,
		      const struct order *template, struct error *error)
{
	if (head->result)
		return error_set_errno(error, -head->result, "cannot write an order");
	size_t room;
	struct order *order = malloc(sizeof(*order));
	uint8_t *block =
	    !order || head->length > COURIER_RECORD_MAX
		? NULL
		: arena_take(courier->arena, head->length + length, &message->offset, &room);
	if (!block) {
		free(order);
		return error_set(error, EAGAIN, "there is no room for what is to be sent");
	}
	memcpy(block, head->data, head->length);
	if (length)
		memcpy(block + head->length, body, length);
	message->flags |= LINK_BLOCK;
	message->head_length = head->length;
	message->length = head->length + length;
	*order = *template;
	order->offset = message->offset;
	int result = send_order(courier, order, message, error);
	if (result)
		free_order(courier, order);
	return result;
}

int courier_call(struct courier *courier, const struct courier_call *call, courier_done *done,
		 void *context, struct error *error)
{
	cleanup_record struct record head = RECORD_EMPTY;
	struct record_view view = call->headers;
	struct record_field field;
	record_add_text(&head, FIELD_CALLBACK, call->url);
	while (record_next(&view, &field))
		if (field.tag == FIELD_HEADER)
			record_add(&head, FIELD_HEADER, field.key, strlen(field.key), field.value,
				   field.length);
	struct link_message message = {.kind = COURIER_CALL,
				       .flags = call->trusted ? COURIER_TRUSTED : 0,
				       .total_ns = call->timeout_ns ? call->timeout_ns
								    : COURIER_TIMEOUT_NS};
	const struct order order = {.deadline_ns = clock_now_ns() + message.total_ns + GRACE_NS,
				    .done = done,
				    .context = context};
	return give_order(courier, &message, &head, call->body, call->body_length, &order, error);
}

int courier_parse(struct courier *courier, const struct courier_output *output, courier_done *done,
		  void *context, struct error *error)
{
	cleanup_record struct record head = RECORD_EMPTY;
	record_add_text(&head, FIELD_METHOD, output->method);
	record_add_text(&head, FIELD_TEXT, output->type);
	struct link_message message = {
	    .kind = COURIER_PARSE, .contract = (uint8_t)output->contract, .status = output->status};
	const struct order order = {.deadline_ns = clock_now_ns() + COURIER_TIMEOUT_NS + GRACE_NS,
				    .done = done,
				    .context = context};
	return give_order(courier, &message, &head, output->data, output->length, &order, error);
}

/* ── answers: what a process says that may have been taken over ──────────────────────────────── */

static int answer_response(const struct order *order, const struct link_message *message,
			   const uint8_t *block)
{
	struct courier_answer answer = {.text = "", .status = message->code};
	cleanup_free uint8_t *head = NULL;
	if (message->code > 999 || message->head_length > message->length ||
	    message->head_length > COURIER_RECORD_MAX)
		return -EPROTO;
	if (block && message->head_length) {
		/* A copy, which cannot change after it was checked. */
		head = malloc(message->head_length);
		if (!head) {
			answer_failure(order, -ENOMEM, "no memory for a response");
			return 0;
		}
		memcpy(head, block, message->head_length);
		answer.head = (struct record_view){head, message->head_length};
		if (record_check(answer.head))
			return -EPROTO;
	}
	if (block) {
		answer.body = block + message->head_length;
		answer.body_length = message->length - message->head_length;
	}
	order->done(order->context, &answer);
	return 0;
}

static int answer_sentence(const struct order *order, const struct link_message *message,
			   const uint8_t *block)
{
	char text[COURIER_SENTENCE_MAX + 1] = "the courier failed";
	if (message->status > 0 || message->status < -ERRNO_MAX ||
	    message->length > COURIER_SENTENCE_MAX)
		return -EPROTO;
	if (block && message->length) {
		memcpy(text, block, message->length);
		text[message->length] = 0;
		text_make_line(text, strlen(text));
	}
	answer_failure(order, message->status, text);
	return 0;
}

/* For the courier's thread, which is the only one that changes the process. */
static int take_answer(struct courier *courier, const struct link_message *message)
{
	const uint8_t *block = NULL;
	if (message->kind != COURIER_DONE)
		return -EPROTO;
	if (message->flags & LINK_BLOCK) {
		block = link_block(&courier->process.view, message);
		if (!block)
			return -EPROTO;
	}
	pthread_mutex_lock(&courier->lock);
	struct order *order = take_order(courier, message->id);
	pthread_mutex_unlock(&courier->lock);
	if (!order)
		return -EPROTO;
	int result = message->status ? answer_sentence(order, message, block)
				     : answer_response(order, message, block);
	if (result) {
		/* It is answered with the others, when nobody can give more to this process. */
		lock_scoped(&courier->lock);
		order->next = courier->orders;
		courier->orders = order;
		return result;
	}
	free_order(courier, order);
	courier->useful = true;
	if (!block)
		return 0;
	struct link_message sent = {.kind = COURIER_SENT, .offset = message->offset};
	const uint64_t deadline_ns = clock_now_ns() + ROOM_NS;
	while ((result = link_send(courier->process.socket, &sent)) == -EAGAIN)
		if (file_wait_ready(courier->process.socket, POLLOUT, deadline_ns))
			return -ETIMEDOUT;
	return result;
}

static int take_answers(struct courier *courier)
{
	struct link_message message;
	int result;
	while (!(result = link_receive(courier->process.socket, &message)))
		if ((result = take_answer(courier, &message)))
			return result;
	return result == -EAGAIN ? 0 : result;
}

/* ── the thread ──────────────────────────────────────────────────────────────────────────────── */

/* Ends the process, and answers what it had. */
static void lose(struct courier *courier, int result, const char *text)
{
	pthread_mutex_lock(&courier->lock);
	struct courier_process process = courier->process;
	courier->process = COURIER_PROCESS_NONE;
	struct order *orders = courier->orders;
	courier->orders = NULL;
	pthread_mutex_unlock(&courier->lock);
	courier_process_end(&process);
	while (orders) {
		struct order *order = orders;
		orders = order->next;
		answer_failure(order, result, text);
		free_order(courier, order);
	}
}

static bool has_overdue(struct courier *courier)
{
	const uint64_t now_ns = clock_now_ns();
	lock_scoped(&courier->lock);
	for (const struct order *order = courier->orders; order; order = order->next)
		if (order->deadline_ns < now_ns)
			return true;
	return false;
}

/* Until something came, or a second has passed. True: it is to stop. */
static bool wait_for_news(const struct courier *courier, int timeout_ms)
{
	struct pollfd waits[] = {{.fd = courier->wake, .events = POLLIN},
				 {.fd = courier->process.socket, .events = POLLIN}};
	poll(waits, 2, timeout_ms);
	return waits[0].revents;
}

static void restart(struct courier *courier)
{
	struct courier_process process;
	struct error error;
	if (courier_process_start(courier, &process, &error)) {
		log_error("%s", error.text);
		return;
	}
	lock_scoped(&courier->lock);
	courier->process = process;
	courier->restarts++;
}

/* One process, from now to its end. True: because it is to stop. */
static bool follow_process(struct courier *courier)
{
	for (;;) {
		if (wait_for_news(courier, 1000))
			return true;
		int result = take_answers(courier);
		if (!result && has_overdue(courier))
			result = -ETIMEDOUT;
		if (!result)
			continue;
		log_warn("the courier %s, and is started again", result == -EPIPE ? "has died"
								 : result == -ETIMEDOUT
								     ? "hangs"
								     : "said what makes no sense");
		lose(courier, -ECONNRESET, "the courier died");
		return false;
	}
}

static void *run(void *context)
{
	struct courier *courier = context;
	unsigned pause_ms = 0;
	for (;;) {
		const uint64_t begun_ns = clock_now_ns();
		if (courier->process.socket >= 0 && follow_process(courier))
			break;
		/* One that dies at once is not started in a loop. */
		const bool lived = courier->useful || clock_now_ns() - begun_ns > SHORT_LIFE_NS;
		courier->useful = false;
		pause_ms = lived ? 0 : pause_ms ? pause_ms * 2 : PAUSE_MS_MIN;
		if (pause_ms > PAUSE_MS_MAX)
			pause_ms = PAUSE_MS_MAX;
		if (wait_for_news(courier, (int)pause_ms))
			break;
		restart(courier);
	}
	lose(courier, -ECANCELED, "the courier was stopped");
	return NULL;
}

/* ── start and end ───────────────────────────────────────────────────────────────────────────── */

static void free_courier(struct courier *courier)
{
	if (courier->wake >= 0)
		close(courier->wake);
	if (courier->arena_file >= 0)
		close(courier->arena_file);
	arena_close(courier->arena);
	record_release(&courier->settings);
	pthread_mutex_destroy(&courier->lock);
	free(courier);
}

static int prepare(struct courier *courier, const struct courier_settings *settings,
		   struct error *error)
{
	record_add_number(&courier->settings, FIELD_CONNECTIONS,
			  settings->connections ? settings->connections : COURIER_CONNECTIONS);
	record_add_number(&courier->settings, FIELD_NUMBER, settings->reach);
	record_add_text(&courier->settings, FIELD_CERTIFICATE, settings->certificates);
	record_add_text(&courier->settings, FIELD_HOST, settings->proxy);
	courier->arena_size = settings->arena ? settings->arena : ARENA_SIZE;
	courier->wake = eventfd(0, EFD_CLOEXEC);
	if (courier->settings.result || courier->wake < 0)
		return error_set(error, ENOMEM, "no memory for the courier");
	return arena_create(&courier->arena, courier->arena_size, &courier->arena_file, error);
}

int courier_start(struct courier **started, const struct courier_settings *settings,
		  struct error *error)
{
	struct courier *courier = calloc(1, sizeof(*courier));
	if (!courier)
		return error_set(error, ENOMEM, "no memory for the courier");
	courier->wake = courier->arena_file = -1;
	courier->process = COURIER_PROCESS_NONE;
	pthread_mutex_init(&courier->lock, NULL);
	int result = prepare(courier, settings, error);
	if (!result)
		result = courier_process_start(courier, &courier->process, error);
	if (!result && (result = -pthread_create(&courier->thread, NULL, run, courier))) {
		courier_process_end(&courier->process);
		error_set_errno(error, -result, "cannot start a thread for the courier");
	}
	if (result)
		free_courier(courier);
	else
		*started = courier;
	return result;
}

void courier_stop(struct courier *courier)
{
	if (!courier)
		return;
	pthread_mutex_lock(&courier->lock);
	courier->stopping = true;
	pthread_mutex_unlock(&courier->lock);
	eventfd_write(courier->wake, 1);
	pthread_join(courier->thread, NULL);
	free_courier(courier);
}

uint64_t courier_restarts(struct courier *courier)
{
	lock_scoped(&courier->lock);
	return courier->restarts;
}
