/* TLS around a connection to an accelerator host, by GnuTLS; see accel_tls.h.
 *
 * Version 1.3 only: both ends are Mayfly's.
 */
#include "accel_tls/accel_tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "util/clock.h"

#define PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3"

/* How long one wait of the handshake takes at most: the deadline is looked at after it. */
#define WAIT_STEP_US 50000

struct accel_tls {
	struct accel_link_cover cover; /* first: the public face of the same object */
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;
};

__attribute__((visibility("default"))) accel_tls_open mayfly_accel_tls_open_1;

/* Takes down why the connection failed, for whoever tells it. */
static ssize_t translate(struct accel_tls *tls, ssize_t result)
{
	if (result >= 0)
		return result;
	if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED)
		return -EAGAIN;
	if (result == GNUTLS_E_FATAL_ALERT_RECEIVED)
		tls->cover.failure = gnutls_alert_get_name(gnutls_alert_get(tls->session));
	else if (result != GNUTLS_E_PUSH_ERROR && result != GNUTLS_E_PULL_ERROR &&
		 result != GNUTLS_E_PREMATURE_TERMINATION)
		tls->cover.failure = gnutls_strerror((int)result);
	return -ECONNRESET;
}

static ssize_t tls_receive(struct accel_link_cover *cover, void *bytes, size_t length)
{
	struct accel_tls *tls = (struct accel_tls *)cover;
	return translate(tls, gnutls_record_recv(tls->session, bytes, length));
}

static ssize_t tls_send(struct accel_link_cover *cover, const void *bytes, size_t length)
{
	struct accel_tls *tls = (struct accel_tls *)cover;
	ssize_t result = gnutls_record_send(tls->session, bytes, length);
	if (result != GNUTLS_E_PUSH_ERROR)
		return translate(tls, result);
	/* Whoever hung up has often said why. */
	char unwanted;
	result = translate(tls, gnutls_record_recv(tls->session, &unwanted, 1));
	return result < 0 ? result : -ECONNRESET;
}

/* Does not wait for the other side. */
static void tls_close(struct accel_link_cover *cover)
{
	struct accel_tls *tls = (struct accel_tls *)cover;
	if (tls->session)
		gnutls_deinit(tls->session);
	if (tls->credentials)
		gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

static int bad_file(const char *what, const char *path, int code, struct error *error)
{
	return error_set(error, EINVAL, "cannot use %s %s: %s", what, path, gnutls_strerror(code));
}

static int load_files(struct accel_tls *tls, const struct accel_tls_files *files,
		      struct error *error)
{
	int result = gnutls_certificate_allocate_credentials(&tls->credentials);
	if (result)
		return error_set(error, ENOMEM, "no memory for certificates");
	if (!files->certificate != !files->key)
		return error_set(error, EINVAL, "a certificate and its key are needed together");
	if (files->certificate) {
		result = gnutls_certificate_set_x509_key_file(tls->credentials, files->certificate,
							      files->key, GNUTLS_X509_FMT_PEM);
		if (result < 0)
			return error_set(error, EINVAL,
					 "cannot use the certificate %s with the key %s: %s",
					 files->certificate, files->key, gnutls_strerror(result));
	}
	if (!files->authority) {
		result = gnutls_certificate_set_x509_system_trust(tls->credentials);
		return result < 0 ? bad_file("the system's", "authorities", result, error) : 0;
	}
	result = gnutls_certificate_set_x509_trust_file(tls->credentials, files->authority,
							GNUTLS_X509_FMT_PEM);
	if (!result)
		return error_set(error, EINVAL, "%s holds no certificate of an authority",
				 files->authority);
	return result < 0 ? bad_file("the authority", files->authority, result, error) : 0;
}

/* GnuTLS tells addresses from names by itself where it looks at certificates, but not here. */
static bool is_number(const char *host)
{
	return !host[strspn(host, "0123456789.")] || strchr(host, ':');
}

static int begin_session(struct accel_tls *tls, int socket, const char *host, struct error *error)
{
	int result = gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
	if (!result)
		result = gnutls_priority_set_direct(tls->session, PRIORITIES, NULL);
	if (!result)
		result =
		    gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
	if (!result && !is_number(host))
		result = gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, host, strlen(host));
	if (result)
		return error_set(error, EIO, "cannot begin TLS: %s", gnutls_strerror(result));
	gnutls_session_set_verify_cert(tls->session, host, 0);
	gnutls_transport_set_int(tls->session, socket);
	return 0;
}

static void set_timeouts(int socket, suseconds_t timeout_us)
{
	const struct timeval timeout = {.tv_usec = timeout_us};
	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

static int not_believed(struct accel_tls *tls, const char *host, struct error *error)
{
	gnutls_datum_t text = {0};
	const unsigned int status = gnutls_session_get_verify_cert_status(tls->session);
	gnutls_certificate_verification_status_print(
	    status, gnutls_certificate_type_get(tls->session), &text, 0);
	int result = error_set(error, EACCES, "the certificate of %s is not believed: %s", host,
			       text.data ? (const char *)text.data : "it cannot be verified");
	gnutls_free(text.data);
	return result;
}

static int shake_hands(struct accel_tls *tls, const char *host, uint64_t deadline_ns,
		       struct error *error)
{
	int result;
	do
		result = gnutls_handshake(tls->session);
	while (result < 0 && !gnutls_error_is_fatal(result) && clock_now_ns() < deadline_ns);
	switch (result) {
	case 0:
		return 0;
	case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
		return not_believed(tls, host, error);
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		return error_set(error, EACCES, "%s refuses the connection: %s", host,
				 gnutls_alert_get_name(gnutls_alert_get(tls->session)));
	default:
		if (!gnutls_error_is_fatal(result))
			return error_set(error, ETIMEDOUT, "%s does not answer in time", host);
		return error_set(error, ECONNRESET, "%s does not speak TLS as wanted: %s", host,
				 gnutls_strerror(result));
	}
}

int mayfly_accel_tls_open_1(int socket, const char *host, const struct accel_tls_files *files,
			    uint64_t deadline_ns, struct accel_link_cover **out,
			    struct error *error)
{
	struct accel_tls *tls = calloc(1, sizeof(*tls));
	if (!tls)
		return error_set(error, ENOMEM, "no memory for TLS");
	tls->cover =
	    (struct accel_link_cover){.receive = tls_receive, .send = tls_send, .close = tls_close};
	int result = load_files(tls, files, error);
	if (!result)
		result = begin_session(tls, socket, host, error);
	if (!result) {
		set_timeouts(socket, WAIT_STEP_US);
		result = shake_hands(tls, host, deadline_ns, error);
		set_timeouts(socket, 0);
	}
	if (result)
		tls_close(&tls->cover);
	else
		*out = &tls->cover;
	return result;
}
