#include "store/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/file.h"

struct seal_key {
	uint8_t bytes[SEAL_KEY_SIZE];
};

/* ── the key ─────────────────────────────────────────────────────────────────────────────────── */

static struct seal_key *make_room(struct error *error)
{
	struct seal_key *key =
	    mmap(NULL, sizeof(*key), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (key == MAP_FAILED) {
		error_set(error, ENOMEM, "no memory for the key");
		return NULL;
	}
	/* Each is a further precaution, which a machine may refuse. */
	mlock(key, sizeof(*key));
	madvise(key, sizeof(*key), MADV_DONTDUMP);
	madvise(key, sizeof(*key), MADV_WIPEONFORK);
	return key;
}

void seal_key_free(struct seal_key *key)
{
	if (!key)
		return;
	explicit_bzero(key, sizeof(*key));
	munmap(key, sizeof(*key));
}

static int read_key(int file, struct seal_key *key, const char *path, struct error *error)
{
	struct stat status;
	if (fstat(file, &status))
		return error_set_errno(error, errno, "cannot look at %s", path);
	if (!S_ISREG(status.st_mode) || status.st_size != SEAL_KEY_SIZE)
		return error_set(
		    error, EBADMSG,
		    "%s is no key: it should be a file of %d bytes; put the right one back", path,
		    SEAL_KEY_SIZE);
	if (status.st_uid != geteuid() && status.st_uid)
		return error_set(error, EPERM, "%s, the key for secrets, belongs to user %u", path,
				 status.st_uid);
	if (status.st_mode & (S_IRWXG | S_IRWXO))
		return error_set(error, EPERM,
				 "others may read %s, the key for secrets: chmod 600 it, and set "
				 "the secrets anew",
				 path);
	const ssize_t length = file_read_full(file, key->bytes, sizeof(key->bytes));
	if (length == sizeof(key->bytes))
		return 0;
	return error_set_errno(error, length < 0 ? (int)-length : EIO, "cannot read %s", path);
}

int seal_key_read(struct seal_key **made, const char *path, struct error *error)
{
	cleanup_close int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file < 0)
		return error_set_errno(error, errno, "cannot open %s, the key for secrets", path);
	struct seal_key *key = make_room(error);
	if (!key)
		return -ENOMEM;
	int result = read_key(file, key, path, error);
	if (result)
		seal_key_free(key);
	else
		*made = key;
	return result;
}

static int write_key(const struct seal_key *key, const char *path, struct error *error)
{
	struct file_replacement file = {.fd = -1};
	int result = file_replacement_open(&file, path, 0600, error);
	if (result)
		return result;
	result = file_write_all(file.fd, key->bytes, sizeof(key->bytes));
	if (!result && fsync(file.fd))
		result = -errno;
	if (result)
		error_set_errno(error, -result, "cannot write %s", path);
	return file_replacement_close(&file, result, error);
}

int seal_key_make(struct seal_key **made, const char *path, struct error *error)
{
	struct seal_key *key = make_room(error);
	if (!key)
		return -ENOMEM;
	int result = 0;
	if (getrandom(key->bytes, sizeof(key->bytes), 0) != sizeof(key->bytes))
		result = error_set_errno(error, errno, "no random numbers for a key");
	if (!result)
		result = write_key(key, path, error);
	if (result)
		seal_key_free(key);
	else
		*made = key;
	return result;
}

/* ── sealing ─────────────────────────────────────────────────────────────────────────────────── */

static void free_cipher(EVP_CIPHER_CTX **cipher)
{
	EVP_CIPHER_CTX_free(*cipher); /* which wipes the key in it */
}

#define cleanup_cipher cleanup(free_cipher)

/* The names, with a NUL behind each, which none has within. */
static bool add_names(EVP_CIPHER_CTX *cipher, struct seal_names names)
{
	int length;
	return EVP_CipherUpdate(cipher, NULL, &length, (const uint8_t *)names.name_space,
				(int)strlen(names.name_space) + 1) == 1 &&
	       EVP_CipherUpdate(cipher, NULL, &length, (const uint8_t *)names.name,
				(int)strlen(names.name) + 1) == 1;
}

static EVP_CIPHER_CTX *begin(const struct seal_key *key, struct seal_names names,
			     const uint8_t *nonce, bool closing)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	if (cipher &&
	    EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, nonce, closing) == 1 &&
	    add_names(cipher, names))
		return cipher;
	EVP_CIPHER_CTX_free(cipher);
	return NULL;
}

int seal_close(const struct seal_key *key, struct seal_names names, const void *data, size_t length,
	       uint8_t *out, struct error *error)
{
	if (length > INT_MAX - SEAL_MORE)
		return error_set(error, E2BIG, "%zu bytes are too many to be sealed", length);
	if (getrandom(out, SEAL_NONCE, 0) != SEAL_NONCE)
		return error_set_errno(error, errno, "no random numbers to seal a secret");
	cleanup_cipher EVP_CIPHER_CTX *cipher = begin(key, names, out, true);
	int done = 0, more = 0;
	uint8_t *body = out + SEAL_NONCE;
	if (!cipher || (length && EVP_CipherUpdate(cipher, body, &done, data, (int)length) != 1) ||
	    EVP_CipherFinal_ex(cipher, body + done, &more) != 1 ||
	    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, body + length) != 1)
		return error_set(error, ENOMEM, "libcrypto cannot seal a secret");
	return 0;
}

int seal_open(const struct seal_key *key, struct seal_names names, const uint8_t *data,
	      size_t length, uint8_t *out, struct error *error)
{
	if (length < SEAL_MORE || length > INT_MAX)
		return error_set(error, EBADMSG, "%zu bytes are no sealed secret", length);
	const size_t inner = length - SEAL_MORE;
	const uint8_t *body = data + SEAL_NONCE;
	uint8_t tag[SEAL_TAG];
	memcpy(tag, body + inner, sizeof(tag));
	cleanup_cipher EVP_CIPHER_CTX *cipher = begin(key, names, data, false);
	int done = 0, more = 0;
	if (!cipher)
		return error_set(error, ENOMEM, "libcrypto cannot open a secret");
	if ((inner && EVP_CipherUpdate(cipher, out, &done, body, (int)inner) != 1) ||
	    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, tag) != 1 ||
	    EVP_CipherFinal_ex(cipher, out + done, &more) != 1) {
		explicit_bzero(out, inner);
		return error_set(error, EBADMSG, "it was not sealed by this key, or was changed");
	}
	return 0;
}
