/* SHA-256 through libcrypto; see hash.h. */
#include "util/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "util/cleanup.h"

static void context_free(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

static int hash_finish(EVP_MD_CTX *context, char hex[HASH_HEX_SIZE], struct error *error)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	if (!EVP_DigestFinal_ex(context, digest, &length) || length != 32)
		return error_set(error, EIO, "SHA-256 failed");
	for (unsigned i = 0; i < length; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
	return 0;
}

int hash_bytes(const void *data, size_t length, uint8_t digest[HASH_SIZE], struct error *error)
{
	unsigned written = 0;
	if (!EVP_Digest(data, length, digest, &written, EVP_sha256(), NULL) || written != HASH_SIZE)
		return error_set(error, EIO, "SHA-256 failed");
	return 0;
}

int hash_buffer(const void *data, size_t length, char hex[HASH_HEX_SIZE], struct error *error)
{
	cleanup(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(context, data, length))
		return error_set(error, ENOMEM, "SHA-256 failed");
	return hash_finish(context, hex, error);
}

int hash_descriptor(int fd, char hex[HASH_HEX_SIZE], struct error *error)
{
	cleanup(context_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL))
		return error_set(error, ENOMEM, "SHA-256 failed");
	uint8_t block[65536];
	for (off_t offset = 0;;) {
		ssize_t got = pread(fd, block, sizeof(block), offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(error, errno, "cannot be read");
		if (got == 0)
			return hash_finish(context, hex, error);
		if (!EVP_DigestUpdate(context, block, (size_t)got))
			return error_set(error, EIO, "SHA-256 failed");
		offset += got;
	}
}

int hash_file(const char *path, char hex[HASH_HEX_SIZE], struct error *error)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open %s", path);
	int result = hash_descriptor(fd, hex, error);
	return result ? error_wrap(error, "%s", path) : 0;
}
