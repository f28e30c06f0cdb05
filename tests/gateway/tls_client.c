#include "gateway/tls_client.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/worker_peer.h"

static bool sign(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key)
{
	const time_t now = time(NULL);
	return !gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) &&
	       !gnutls_x509_crt_set_version(certificate, 3) &&
	       !gnutls_x509_crt_set_serial(certificate, "\1", 1) &&
	       !gnutls_x509_crt_set_activation_time(certificate, now - 60) &&
	       !gnutls_x509_crt_set_expiration_time(certificate, now + 3600) &&
	       !gnutls_x509_crt_set_dn(certificate, "CN=localhost", NULL) &&
	       !gnutls_x509_crt_set_key(certificate, key) &&
	       !gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
}

bool tls_make_identity(struct tls_identity *identity)
{
	gnutls_x509_crt_t certificate;
	gnutls_x509_privkey_t key;
	size_t certificate_size = sizeof(identity->certificate) - 1,
	       key_size = sizeof(identity->key) - 1;
	*identity = (struct tls_identity){0};
	if (gnutls_x509_crt_init(&certificate) || gnutls_x509_privkey_init(&key))
		return false;
	const bool good =
	    sign(certificate, key) &&
	    !gnutls_x509_crt_export(certificate, GNUTLS_X509_FMT_PEM, identity->certificate,
				    &certificate_size) &&
	    !gnutls_x509_privkey_export(key, GNUTLS_X509_FMT_PEM, identity->key, &key_size);
	gnutls_x509_crt_deinit(certificate);
	gnutls_x509_privkey_deinit(key);
	return good;
}

static bool talk(gnutls_session_t session, const char *text, char *answer, size_t room)
{
	size_t used = 0;
	ssize_t got;
	int result;
	while ((result = gnutls_handshake(session)) < 0)
		if (gnutls_error_is_fatal(result))
			return false;
	if (gnutls_record_send(session, text, strlen(text)) != (ssize_t)strlen(text))
		return false;
	while (used + 1 < room &&
	       ((got = gnutls_record_recv(session, answer + used, room - used - 1)) > 0 ||
		got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED))
		used += got > 0 ? (size_t)got : 0;
	answer[used] = 0;
	return true;
}

bool tls_ask(unsigned port, const char *text, char *answer, size_t room)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;
	int client = client_open(port, "", 0);
	if (client < 0 || gnutls_certificate_allocate_credentials(&credentials))
		return false;
	bool good = false;
	if (!gnutls_init(&session, GNUTLS_CLIENT)) {
		gnutls_set_default_priority(session);
		gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
		gnutls_transport_set_int(session, client);
		gnutls_handshake_set_timeout(session, PEER_PATIENCE_MS);
		good = talk(session, text, answer, room);
		gnutls_deinit(session);
	}
	gnutls_certificate_free_credentials(credentials);
	close(client);
	return good;
}
