/* In the place of `mayfly-http`: one that was taken over. Whoever connects names in a line what it is to do
 * to its supervisor. When it has done that it says so, and waits to be ended. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/fields.h"
#include "link/link.h"
#include "record/record.h"
#include "sizes/sizes.h"

#define LONG_HEAD (4UL << 20)
#define MANY	  100000
#define PIECE	  (64UL << 10)

static struct arena *arena;

/* A block with these bytes in it. */
static void put_block(struct link_message *message, const void *data, size_t length)
{
	size_t room;
	void *block = arena_take(arena, length, &message->offset, &room);
	if (!block)
		_exit(3);
	memcpy(block, data, length);
	message->flags |= LINK_BLOCK;
	message->length = length;
}

static void put_record(struct link_message *message, struct record *record)
{
	put_block(message, record->data, record->length);
	message->head_length = record->length;
	record_release(record);
}

static int send_message(struct link_message message)
{
	return link_send_wait(LINK_SOCKET, &message);
}

/* So many bytes of a command that needs no credentials. */
static struct link_message health(size_t length)
{
	struct link_message message = {.kind = LINK_COMMAND, .id = 1};
	struct record record = RECORD_EMPTY;
	char *text = calloc(1, length + 1);
	if (!text)
		_exit(3);
	memset(text, 'x', length);
	record_add_number(&record, FIELD_COMMAND, COMMAND_HEALTH);
	record_add_text(&record, FIELD_TEXT, text);
	free(text);
	put_record(&message, &record);
	return message;
}

/* The beginning of a request, of which more is to come. */
static struct link_message request(void)
{
	struct link_message message = {
	    .kind = LINK_INVOKE, .id = 1, .flags = LINK_MORE, .body_length = UINT64_MAX - 1};
	struct record record = RECORD_EMPTY;
	record_add_text(&record, FIELD_METHOD, "POST");
	record_add_text(&record, FIELD_NAME, "deeds");
	record_add_text(&record, FIELD_PATH, "/");
	put_record(&message, &record);
	return message;
}

/* Waits for the next answer. */
static int hear_answer(void)
{
	struct link_message message;
	struct pollfd wait = {.fd = LINK_SOCKET, .events = POLLIN};
	int result;
	while ((result = link_receive(LINK_SOCKET, &message)) == -EAGAIN ||
	       (!result && message.kind != LINK_DONE))
		poll(&wait, 1, -1);
	return result;
}

/* The sockets that it shares with its supervisor and its successors. */
static int attack_sockets(void)
{
	shutdown(LINK_LISTEN, SHUT_RDWR);
	shutdown(LINK_LISTEN_METRICS, SHUT_RDWR);
	return send_message((struct link_message){.kind = LINK_DONE, .id = 1});
}

static int attack_offset(void)
{
	return send_message((struct link_message){
	    .kind = LINK_INVOKE, .flags = LINK_BLOCK, .offset = UINT64_MAX - 10, .length = 20});
}

static int attack_head(void)
{
	struct link_message message = health(10);
	message.kind = LINK_INVOKE;
	message.head_length = message.length + 1;
	return send_message(message);
}

static int attack_record(void)
{
	struct link_message message = {.kind = LINK_COMMAND};
	put_block(&message, "this is no record", 17);
	return send_message(message);
}

static int attack_number(void)
{
	const struct link_message message = request();
	send_message(message);
	return send_message(message);
}

static int attack_kind(void)
{
	return send_message((struct link_message){.kind = LINK_DONE, .id = 1});
}

static int attack_block(void)
{
	return send_message((struct link_message){.kind = LINK_SENT, .flags = LINK_BLOCK});
}

static int attack_finished(void)
{
	return send_message((struct link_message){.kind = LINK_FINISHED, .id = 7});
}

static int attack_status(void)
{
	send_message(health(0));
	hear_answer();
	return send_message((struct link_message){.kind = LINK_FINISHED, .id = 1, .code = 70000});
}

/* A body to which there is no head. */
static int attack_body(void)
{
	return send_message((struct link_message){.kind = LINK_BODY, .id = 7});
}

/* More pieces than it may have under way. What a request has already taken is none, so it tries with
 * several. */
static int attack_pieces(void)
{
	static const char text[PIECE];
	struct link_message message = request(), piece = {.kind = LINK_BODY};
	int result = 0;
	put_block(&piece, text, sizeof(text));
	for (int i = 0; i < MANY && !result; i++) {
		message.id = piece.id = (uint64_t)i + 1;
		result = send_message(message);
		for (int k = 0; k < 100 && !result; k++)
			result = send_message(piece);
	}
	return result;
}

/* Questions whose answers it does not read. */
static int attack_questions(void)
{
	struct link_message message = health(0);
	int result = 0;
	for (int i = 0; i < MANY && !result; i++) {
		message.id++;
		result = send_message(message);
	}
	return result;
}

/* Long questions, with whose answers it never is done. */
static int attack_memory(void)
{
	struct link_message message = health(LONG_HEAD - 4096);
	int result = 0;
	for (int i = 0; i < 256 && !result; i++) {
		message.id++;
		result = send_message(message);
		if (!result)
			result = hear_answer();
	}
	return result;
}

static const struct {
	const char *name;
	int (*attack)(void);
} attacks[] = {
    {"sockets", attack_sockets}, {"offset", attack_offset},	{"head", attack_head},
    {"record", attack_record},	 {"number", attack_number},	{"kind", attack_kind},
    {"block", attack_block},	 {"finished", attack_finished}, {"status", attack_status},
    {"body", attack_body},	 {"pieces", attack_pieces},	{"questions", attack_questions},
    {"memory", attack_memory},
};

static void serve(int client)
{
	char name[32] = "";
	const ssize_t length = recv(client, name, sizeof(name) - 1, 0);
	name[length > 0 ? strcspn(name, "\n") : 0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(attacks); i++)
		if (!strcmp(name, attacks[i].name))
			dprintf(client, "%d\n", -attacks[i].attack());
	/* To be ended, or to be asked for more. */
	if (recv(client, name, sizeof(name), 0) <= 0)
		close(client);
}

int main(void)
{
	struct error error;
	char byte;
	/* As a worker does before it is taken over. The supervisor may have ended before; a worker that
	 * was not taken over finds its socket at its end then. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (recv(LINK_SOCKET, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		return 0;
	if (arena_open(&arena, LINK_OWN_ARENA, &error))
		return 3;
	for (;;) {
		struct pollfd wait = {.fd = LINK_LISTEN, .events = POLLIN};
		poll(&wait, 1, -1);
		const int client = accept(LINK_LISTEN, NULL, NULL);
		if (client >= 0)
			serve(client);
	}
}
