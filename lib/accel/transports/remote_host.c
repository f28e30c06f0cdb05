/* The accelerator host that the environment names; see socket.h.
 *
 * Each session has a connection of its own. A session whose connection is lost stays lost; the next one
 * connects again, so that a program outlives a host that was started anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "accel/state/op_context.h"
#include "accel/state/state.h"
#include "accel/transports/dial.h"
#include "accel/transports/socket.h"
#include "accel/transports/tls.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/log.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

/* Where the agent of vAccel listens that a program with its plugin "rpc" finds. */
#define DEFAULT_ADDRESS "tcp://127.0.0.1:65500"

#define CONNECT_LIMIT_NS (10 * NANOSECONDS_PER_SECOND)

/* Of messages; and of arrays in the window as much. */
#define ROOM (WIRE_WINDOW_MAX / 2)

struct remote_host {
	struct accel_transport transport; /* first: the public face of the same object */
	struct address address;
	accel_tls_open *open_tls; /* NULL: plain */
};

static int no_connection(const struct error *error, int result)
{
	int code = VACCEL_EREMOTEIO;
	if (result == -ETIMEDOUT)
		code = VACCEL_EAGAIN;
	else if (result == -EACCES || result == -EPERM)
		code = VACCEL_EACCES;
	else if (result == -EINVAL || result == -ENOMEM)
		code = -result;
	return op_refuse(code, "%s", error->text);
}

static int host_connect(struct accel_transport *transport, struct accel_transport **own)
{
	const struct remote_host *host = (const struct remote_host *)transport;
	struct error error = {0};
	uint64_t latest_ns = clock_now_ns() + CONNECT_LIMIT_NS;
	const uint64_t deadline_ns = mayfly_op_deadline_ns();
	if (deadline_ns && deadline_ns < latest_ns)
		latest_ns = deadline_ns;
	int socket;
	int result = dial(&host->address, latest_ns, &socket, &error);
	if (result)
		return no_connection(&error, result);
	struct accel_link_cover *cover = NULL;
	if (host->open_tls)
		result = tls_cover(host->open_tls, socket, host->address.host, latest_ns, &cover,
				   &error);
	if (result) {
		close(socket);
		return no_connection(&error, result);
	}
	return transport_socket_open_covered(socket, cover, ROOM, own);
}

/* There is nothing to ask without a session. */
static int host_call(struct accel_transport *transport, const struct accel_call *call)
{
	(void)transport;
	(void)call;
	return VACCEL_ENOTSUP;
}

static void host_close(struct accel_transport *transport)
{
	free(transport);
}

/* The first of the variables that is set to something; NULL where none is. */
static const char *find_address(void)
{
	static const char *const names[] = {"VACCEL_RPC_ADDRESS", "VACCEL_RPC_ADDR",
					    "VACCEL_VSOCK"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			return value;
	}
	return accel_state.remote_is_named ? DEFAULT_ADDRESS : NULL;
}

static int host_open(struct accel_transport **out)
{
	struct error error = {0};
	const char *text = find_address();
	if (!text)
		return VACCEL_ENOTSUP;
	struct remote_host *host = malloc(sizeof(*host));
	if (!host)
		return VACCEL_ENOMEM;
	*host = (struct remote_host){0};
	int result = dial_parse(&host->address, text, &error);
	if (!result && host->address.kind == ADDRESS_TLS)
		result = tls_load(&host->open_tls, &error);
	if (result) {
		free(host);
		return op_refuse(result == -EINVAL ? VACCEL_EINVAL : VACCEL_ENOTSUP, "%s",
				 error.text);
	}
	log_debug("the accelerator host is %s", text);
	host->transport = (struct accel_transport){
	    .call = host_call, .connect = host_connect, .close = host_close};
	*out = &host->transport;
	return 0;
}

const struct transport_kind transport_socket = {.name = "accelerator host", .open = host_open};
