/* TLS around a stream; see tls.h. */
#include "acceld/relay/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "acceld/config/config.h"
#include "acceld/relay/stream.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/lock.h"

#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct tls {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
	const struct policy_names *clients;
};

/* One client's. The library's sessions are for one thread at a time, and never wait here. */
struct layer {
	gnutls_session_t session;
	int socket;
	pthread_mutex_t lock;
};

static int fail(struct error *error, int code, const char *what)
{
	return error_set(error, EPROTO, "%s: %s", what, gnutls_strerror(code));
}

struct tls *tls_new(const struct tls_files *files, const struct policy_names *clients,
		    struct error *error)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	if (!tls) {
		error_set(error, ENOMEM, "no memory for TLS");
		return NULL;
	}
	tls->clients = clients;
	int result = gnutls_certificate_allocate_credentials(&tls->credentials);
	if (result < 0)
		fail(error, result, "cannot prepare TLS");
	else if ((result = gnutls_certificate_set_x509_trust_file(
		      tls->credentials, files->authority, GNUTLS_X509_FMT_PEM)) <= 0)
		fail(error, result ? result : GNUTLS_E_NO_CERTIFICATE_FOUND, files->authority);
	else if ((result = gnutls_certificate_set_x509_key_file(
		      tls->credentials, files->certificate, files->key, GNUTLS_X509_FMT_PEM)) < 0)
		fail(error, result, files->certificate);
	else if ((result = gnutls_priority_init(&tls->priorities, PRIORITIES, NULL)) < 0)
		fail(error, result, "cannot prepare TLS");
	if (result >= 0 && tls->priorities)
		return tls;
	tls_delete(tls);
	return NULL;
}

void tls_delete(struct tls *tls)
{
	if (!tls)
		return;
	if (tls->priorities)
		gnutls_priority_deinit(tls->priorities);
	if (tls->credentials)
		gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

/* ── a client's bytes ────────────────────────────────────────────────────────────────────────── */

static ssize_t push(gnutls_transport_ptr_t transport, const void *bytes, size_t length)
{
	const struct layer *layer = transport;
	return send(layer->socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t pull(gnutls_transport_ptr_t transport, void *bytes, size_t length)
{
	const struct layer *layer = transport;
	return recv(layer->socket, bytes, length, MSG_DONTWAIT);
}

/* Waiting is not its business: there is always something, which may turn out to be EAGAIN. */
static int pull_timeout(gnutls_transport_ptr_t transport, unsigned milliseconds)
{
	(void)transport;
	(void)milliseconds;
	return 1;
}

static ssize_t translate(const struct layer *layer, ssize_t result, short *wants)
{
	if (result >= 0)
		return result;
	if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
		*wants = gnutls_record_get_direction(layer->session) ? POLLOUT : POLLIN;
		return result == GNUTLS_E_AGAIN ? -EAGAIN : -EINTR;
	}
	/* Hung up without a word: for a protocol that knows its own ends that is an end. */
	if (result == GNUTLS_E_PREMATURE_TERMINATION)
		return 0;
	return result == GNUTLS_E_PULL_ERROR || result == GNUTLS_E_PUSH_ERROR ? -ECONNRESET
									      : -EPROTO;
}

static ssize_t layer_receive(void *context, void *bytes, size_t length, short *wants)
{
	struct layer *layer = context;
	lock_scoped(&layer->lock);
	return translate(layer, gnutls_record_recv(layer->session, bytes, length), wants);
}

static ssize_t layer_send(void *context, const void *bytes, size_t length, short *wants)
{
	struct layer *layer = context;
	lock_scoped(&layer->lock);
	return translate(layer, gnutls_record_send(layer->session, bytes, length), wants);
}

static bool layer_holds(void *context)
{
	struct layer *layer = context;
	lock_scoped(&layer->lock);
	return gnutls_record_check_pending(layer->session) > 0;
}

static void layer_close(void *context)
{
	struct layer *layer = context;
	gnutls_bye(layer->session, GNUTLS_SHUT_WR);
	gnutls_deinit(layer->session);
	pthread_mutex_destroy(&layer->lock);
	free(layer);
}

static const struct stream_layer kind = {
    .receive = layer_receive, .send = layer_send, .holds = layer_holds, .close = layer_close};

/* ── the handshake ───────────────────────────────────────────────────────────────────────────── */

static int shake_hands(const struct layer *layer, uint64_t deadline_ns, struct error *error)
{
	for (;;) {
		int result = gnutls_handshake(layer->session);
		if (result >= 0)
			return 0;
		if (result == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
			gnutls_datum_t why = {0};
			gnutls_certificate_verification_status_print(
			    gnutls_session_get_verify_cert_status(layer->session), GNUTLS_CRT_X509,
			    &why, 0);
			error_set(error, EPROTO, "%s",
				  why.data ? (char *)why.data : "bad certificate");
			gnutls_free(why.data);
			gnutls_alert_send_appropriate(layer->session, result);
			return -EPROTO;
		}
		if (gnutls_error_is_fatal(result)) {
			gnutls_alert_send_appropriate(layer->session, result);
			return fail(error, result, "no handshake");
		}
		if (result != GNUTLS_E_AGAIN) {
			/* Warnings, of which it may send as many as it likes. */
			if (clock_now_ns() >= deadline_ns)
				return error_set(error, ETIMEDOUT, "no handshake in time");
			continue;
		}
		short wants = gnutls_record_get_direction(layer->session) ? POLLOUT : POLLIN;
		result = file_wait_ready(layer->socket, wants, deadline_ns);
		if (result)
			return error_set_errno(error, -result, "no handshake");
	}
}

/* Certificates for many names at once are not for tenants. */
static int check_name(const struct tls *tls, const struct layer *layer, struct error *error)
{
	if (tls->clients->any)
		return 0;
	unsigned count = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(layer->session, &count);
	gnutls_x509_crt_t certificate;
	if (!list || !count || gnutls_x509_crt_init(&certificate) < 0)
		return error_set(error, EPROTO, "no certificate");
	bool found = false;
	if (gnutls_x509_crt_import(certificate, list, GNUTLS_X509_FMT_DER) >= 0)
		for (uint32_t i = 0; i < tls->clients->count && !found; i++)
			found =
			    gnutls_x509_crt_check_hostname2(certificate, tls->clients->names[i],
							    GNUTLS_VERIFY_DO_NOT_ALLOW_WILDCARDS);
	gnutls_x509_crt_deinit(certificate);
	return found ? 0
		     : error_set(error, EPERM,
				 "the certificate is for none of the names that may come");
}

static int open_session(const struct tls *tls, struct layer *layer)
{
	static gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
						.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
	int result = gnutls_init(&layer->session, GNUTLS_SERVER | GNUTLS_NONBLOCK);
	if (result < 0)
		return result;
	result = gnutls_priority_set(layer->session, tls->priorities);
	if (result >= 0)
		result = gnutls_credentials_set(layer->session, GNUTLS_CRD_CERTIFICATE,
						tls->credentials);
	gnutls_certificate_server_set_request(layer->session, GNUTLS_CERT_REQUIRE);
	gnutls_session_set_verify_cert2(layer->session, &purpose, 1, 0);
	gnutls_transport_set_ptr(layer->session, layer);
	gnutls_transport_set_push_function(layer->session, push);
	gnutls_transport_set_pull_function(layer->session, pull);
	gnutls_transport_set_pull_timeout_function(layer->session, pull_timeout);
	gnutls_handshake_set_timeout(layer->session, 0);
	if (result < 0)
		gnutls_deinit(layer->session);
	return result;
}

int tls_accept(struct tls *tls, struct stream *stream, uint64_t limit_ns, struct error *error)
{
	uint64_t deadline_ns = clock_now_ns() + limit_ns;
	struct layer *layer = calloc(1, sizeof(*layer));
	if (!layer)
		return error_set(error, ENOMEM, "no memory for TLS");
	layer->socket = stream_socket(stream);
	pthread_mutex_init(&layer->lock, NULL);
	int result = open_session(tls, layer);
	if (result < 0) {
		pthread_mutex_destroy(&layer->lock);
		free(layer);
		return fail(error, result, "cannot begin TLS");
	}
	stream_set_layer(stream, &kind, layer);
	result = shake_hands(layer, deadline_ns, error);
	return result ? result : check_name(tls, layer, error);
}
