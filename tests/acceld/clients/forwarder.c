/* For tests: a stream in front of an accelerator host; see forwarder.h. */
#include "forwarder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accel_client/accel_client.h"
#include "mayfly/wire.h"
#include "util/cleanup.h"
#include "util/file.h"

struct forwarded {
	const char *host;
	int socket, window_fd;
	uint8_t *window;
	uint64_t size;
	struct accel_client *client;
};

static bool receive(int socket, void *bytes, size_t length)
{
	return file_read_full(socket, bytes, length) == (ssize_t)length;
}

static bool answer(const struct forwarded *forwarded, const struct wire_packet *packet, int result,
		   uint64_t length)
{
	const struct wire_packet answer = {
	    .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION,
	    .kind = packet->kind,
	    .tag = packet->tag,
	    .status = -result,
	    .length = length,
	};
	return !file_write_all(forwarded->socket, &answer, sizeof(answer));
}

static bool greet(struct forwarded *forwarded)
{
	struct wire_packet hello;
	struct error error = {0};
	if (!receive(forwarded->socket, &hello, sizeof(hello)) || hello.kind != WIRE_PACKET_HELLO)
		return false;
	forwarded->size = hello.length;
	forwarded->window_fd = memfd_create("forwarded", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(forwarded->window_fd, (off_t)forwarded->size) ||
	    fcntl(forwarded->window_fd, F_ADD_SEALS, F_SEAL_SHRINK))
		return false;
	forwarded->window = mmap(NULL, forwarded->size, PROT_READ | PROT_WRITE, MAP_SHARED,
				 forwarded->window_fd, 0);
	int result = accel_client_open_at(&forwarded->client, forwarded->host, forwarded->window_fd,
					  forwarded->size, &error);
	return answer(forwarded, &hello, result, result ? 0 : forwarded->size) && !result;
}

/* How long the answer is, and with `send` set, the answer itself behind its packet. */
static uint64_t give_results(const struct forwarded *forwarded, uint64_t head, bool send)
{
	const struct wire_header *header = (const void *)forwarded->window;
	const struct wire_argument *arguments = (const void *)(header + 1);
	uint64_t length = head;
	if (send)
		file_write_all(forwarded->socket, header, head);
	if (header->status) {
		if (send)
			file_write_all(forwarded->socket, forwarded->window + head,
				       header->data_end - head);
		return header->data_end;
	}
	for (size_t i = header->inputs; i < (size_t)header->inputs + header->outputs; i++) {
		if (send)
			file_write_all(forwarded->socket, forwarded->window + arguments[i].offset,
				       arguments[i].length);
		length += arguments[i].length;
	}
	return length;
}

static bool forward_call(const struct forwarded *forwarded)
{
	struct wire_packet packet;
	struct error error = {0};
	if (!receive(forwarded->socket, &packet, sizeof(packet)))
		return false;
	if (packet.kind == WIRE_PACKET_CANCEL)
		return true;
	if (packet.kind != WIRE_PACKET_CALL || packet.length > forwarded->size ||
	    !receive(forwarded->socket, forwarded->window, packet.length))
		return false;
	struct wire_header *header = (void *)forwarded->window;
	const uint64_t head = header->data_offset;
	int result = accel_client_call(forwarded->client, 0, forwarded->size, 0, &error);
	if (result == -EBADMSG)
		return answer(forwarded, &packet, result, 0);
	if (result || !answer(forwarded, &packet, 0, give_results(forwarded, head, false)))
		return false;
	give_results(forwarded, head, true);
	return true;
}

static void *serve(void *argument)
{
	struct forwarded *forwarded = argument;
	if (greet(forwarded))
		while (forward_call(forwarded))
			;
	accel_client_close(forwarded->client);
	if (forwarded->window)
		munmap(forwarded->window, forwarded->size);
	if (forwarded->window_fd >= 0)
		close(forwarded->window_fd);
	close(forwarded->socket);
	free(forwarded);
	return NULL;
}

static void *accept_all(void *argument)
{
	const struct forwarder *forwarder = argument;
	int socket;
	while ((socket = accept4(forwarder->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct forwarded *forwarded = calloc(1, sizeof(*forwarded));
		pthread_t thread;
		*forwarded =
		    (struct forwarded){.host = forwarder->host, .socket = socket, .window_fd = -1};
		pthread_create(&thread, NULL, serve, forwarded);
		pthread_detach(thread);
	}
	return NULL;
}

int forwarder_start(struct forwarder *forwarder, int listener, const char *host)
{
	*forwarder = (struct forwarder){.listener = listener, .host = host};
	return -pthread_create(&forwarder->thread, NULL, accept_all, forwarder);
}

void forwarder_stop(struct forwarder *forwarder)
{
	shutdown(forwarder->listener, SHUT_RDWR);
	pthread_join(forwarder->thread, NULL);
	close(forwarder->listener);
}
