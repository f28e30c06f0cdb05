/* What a guest says to the virtio device `9p`: messages that are the input's, one after the other, and
 * answers of the server of the directory, of which those arrive that pass its client's checks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/devices/virtio/nine_p.h"
#include "root_server/wire.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The linker puts it in the place of root_client_ask(). */
int __wrap_root_client_ask(struct root_client *client, struct root_request *request,
			   const char *path, uint64_t deadline_ns, struct root_answer *answer,
			   void *extra, struct error *error);

#define MESSAGES_MAX 64
#define LENGTH_MASK  0x3ffU /* of a message */

/* Mostly what there is of each kind, with names, targets and contents of the input. */
static void make_answer(const struct root_request *request, struct root_answer *answer,
			uint8_t *extra)
{
	static const uint32_t modes[] = {0040755, 0100644, 0120777, 0};
	const uint8_t choice = take_byte();
	*answer = (struct root_answer){
	    .status.mode = modes[choice % 4], .status.inode = choice, .status.size = choice};
	if (choice >= 0xf0)
		*answer = (struct root_answer){.error = -ENOENT};
	else if (request->operation == ROOT_READ)
		answer->length = (uint32_t)(request->length < choice ? request->length : choice);
	else if (request->operation == ROOT_LOOK && choice % 4 == 2)
		answer->length = choice;
	if (answer->error || request->operation != ROOT_LIST) {
		take_bytes(extra, answer->length);
		return;
	}
	const uint16_t length = 1 + choice % 50;
	struct root_listed listed = {.length = length, .type = choice & 8 ? 4 : 8};
	answer->status.mode = modes[0];
	answer->next = choice & 0x10 ? choice : 0;
	answer->length = (uint32_t)root_listed_size(length);
	memset(extra, 0, answer->length);
	memcpy(extra, &listed, sizeof(listed));
	take_bytes(extra + sizeof(listed), length);
}

int __wrap_root_client_ask(struct root_client *client, struct root_request *request,
			   const char *path, uint64_t deadline_ns, struct root_answer *answer,
			   void *extra, struct error *error)
{
	(void)client;
	(void)deadline_ns;
	(void)error;
	check(strlen(path) <= NINE_P_PATH_MAX && root_path_is_sound(path, strlen(path)));
	request->path_length = (uint32_t)strlen(path);
	if (!has_input())
		return -EIO;
	make_answer(request, answer, extra);
	check(answer->length <= root_extra_max(request));
	return answer->error || root_answer_is_sound(request, answer,
						     request->operation == ROOT_READ ? NULL : extra)
		   ? 0
		   : -EIO;
}

static void send(struct nine_p *session, const uint8_t *bytes, size_t length, size_t room)
{
	uint8_t *message = malloc(length + 1), *reply = malloc(room);
	check(message && reply);
	memcpy(message, bytes, length);
	const size_t used = nine_p_answer(session, NULL, 0, message, length, reply, room);
	uint32_t told = 0;
	if (used) {
		memcpy(&told, reply, sizeof(told));
		check(used <= room && told == used);
	}
	free(message);
	free(reply);
}

/* A session with a root whose number is 1. */
static void begin(struct nine_p *session)
{
	static const uint8_t version[] = {21, 0, 0,   0,   100, 0,   0,	  0,   0,   1,	0,
					  8,  0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
	static const uint8_t attach[] = {23,  0,   0,	0, 104, 0, 0, 1, 0, 0, 0, 255,
					 255, 255, 255, 0, 0,	0, 0, 0, 0, 0, 0};
	send(session, version, sizeof(version), 100);
	send(session, attach, sizeof(attach), 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nine_p session;
	begin_input(data, size);
	memset(&session, 0, sizeof(session));
	if (take_byte() & 1)
		begin(&session);
	for (int i = 0; i < MESSAGES_MAX && has_input(); i++) {
		uint8_t message[LENGTH_MASK + 1];
		uint16_t length, room;
		take_bytes(&length, sizeof(length));
		take_bytes(&room, sizeof(room));
		const size_t got = take_bytes(message, length & LENGTH_MASK);
		/* Its length need not be right, but that takes a mutation. */
		if (got >= 4 && !(length & 0x8000))
			memcpy(message, &(uint32_t){(uint32_t)got}, 4);
		send(&session, message, got, NINE_P_MESSAGE_MIN + room);
	}
	return 0;
}
