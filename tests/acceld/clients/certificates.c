/* For tests: an authority, and certificates of it; see certificates.h. */
#include "certificates.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/file.h"

#define DAY (24L * 3600)

static bool write_file(const char *directory, const char *name, const char *suffix,
		       gnutls_datum_t *text)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s.%s", directory, name, suffix);
	bool good = !file_write(path, text->data, text->size, NULL);
	gnutls_free(text->data);
	return good;
}

static bool read_file(const char *directory, const char *name, const char *suffix,
		      gnutls_datum_t *text)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s.%s", directory, name, suffix);
	return !gnutls_load_file(path, text);
}

static bool load(const char *directory, const char *name, gnutls_x509_crt_t certificate,
		 gnutls_x509_privkey_t key)
{
	gnutls_datum_t text = {0}, key_text = {0};
	bool good = read_file(directory, name, "pem", &text) &&
		    read_file(directory, name, "key", &key_text) &&
		    !gnutls_x509_crt_import(certificate, &text, GNUTLS_X509_FMT_PEM) &&
		    !gnutls_x509_privkey_import(key, &key_text, GNUTLS_X509_FMT_PEM);
	gnutls_free(text.data);
	gnutls_free(key_text.data);
	return good;
}

static bool describe(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *name,
		     bool is_authority, enum certificate_fault fault)
{
	const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
	const time_t now = time(NULL);
	const unsigned char serial = (unsigned char)name[0];
	return !gnutls_x509_crt_set_version(certificate, 3) &&
	       !gnutls_x509_crt_set_serial(certificate, &serial, 1) &&
	       !gnutls_x509_crt_set_key(certificate, key) &&
	       !gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
					      (unsigned int)strlen(name)) &&
	       !gnutls_x509_crt_set_activation_time(certificate, now - 3 * DAY) &&
	       !gnutls_x509_crt_set_expiration_time(
		   certificate, fault == CERTIFICATE_EXPIRED ? now - DAY : now + DAY) &&
	       !gnutls_x509_crt_set_basic_constraints(certificate, is_authority, -1) &&
	       (is_authority || fault == CERTIFICATE_OF_ANOTHER_HOST ||
		(!gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, "localhost",
						       9, GNUTLS_FSAN_SET) &&
		 !gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, &loopback,
						       sizeof(loopback), GNUTLS_FSAN_APPEND)));
}

bool certificate_make(const char *directory, const char *name, const char *authority,
		      enum certificate_fault fault)
{
	gnutls_x509_crt_t certificate, issuer;
	gnutls_x509_privkey_t key, issuer_key;
	gnutls_datum_t text = {0}, key_text = {0};
	gnutls_x509_crt_init(&certificate);
	gnutls_x509_crt_init(&issuer);
	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_init(&issuer_key);
	bool good =
	    !gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) &&
	    describe(certificate, key, name, !authority, fault) &&
	    (!authority || load(directory, authority, issuer, issuer_key)) &&
	    !gnutls_x509_crt_sign2(certificate, authority ? issuer : certificate,
				   authority ? issuer_key : key, GNUTLS_DIG_SHA256, 0) &&
	    !gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text) &&
	    !gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_text) &&
	    write_file(directory, name, "pem", &text) &&
	    write_file(directory, name, "key", &key_text);
	gnutls_x509_crt_deinit(certificate);
	gnutls_x509_crt_deinit(issuer);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_privkey_deinit(issuer_key);
	return good;
}
