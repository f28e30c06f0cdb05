/* SHA-256 through libcrypto; see hash.h. That is loaded at run time: its relocations and constructors
 * take longer than all else at the start of a process, and most processes hash nothing. */
#include "util/hash.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/hex.h"

#define LIBRARY "libcrypto.so.3"

#define HASH_FUNCTIONS(each)                                                                       \
	each(EVP_Digest) each(EVP_DigestFinal_ex) each(EVP_DigestInit_ex) each(EVP_DigestUpdate)   \
	    each(EVP_MD_CTX_free) each(EVP_MD_CTX_new) each(EVP_sha256)

struct hash_library {
#define HASH_POINTER(name) __typeof__(name) *name;
	HASH_FUNCTIONS(HASH_POINTER)
};

struct hashing {
	struct hash_library library;
	EVP_MD_CTX *context;
};

static bool is_whole(const struct hash_library *library)
{
#define HASH_IS_THERE(name) library->name &&
	return HASH_FUNCTIONS(HASH_IS_THERE) true;
}

/* Cheap where it is loaded already; it stays so. */
static int hash_library_load(struct hash_library *library, struct error *error)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	*library = (struct hash_library){.EVP_Digest = NULL};
	if (!handle) {
		error_set(error, ENOENT, "%s is needed: install libssl3", LIBRARY);
		return -ENOENT;
	}
#define HASH_LOOK_UP(name) *(void **)&library->name = dlsym(handle, #name);
	HASH_FUNCTIONS(HASH_LOOK_UP)
	if (!is_whole(library)) {
		error_set(error, ENOENT, "%s is not the version that is needed", LIBRARY);
		return -ENOENT;
	}
	return 0;
}

static void hash_release(struct hashing *hashing)
{
	if (hashing->context)
		hashing->library.EVP_MD_CTX_free(hashing->context);
}

static int hash_begin(struct hashing *hashing, struct error *error)
{
	const struct hash_library *library = &hashing->library;
	int result = hash_library_load(&hashing->library, error);
	if (result)
		return result;
	hashing->context = library->EVP_MD_CTX_new();
	if (!hashing->context ||
	    !library->EVP_DigestInit_ex(hashing->context, library->EVP_sha256(), NULL))
		return error_set(error, ENOMEM, "SHA-256 failed");
	return 0;
}

static int hash_add(const struct hashing *hashing, const void *data, size_t length,
		    struct error *error)
{
	if (!hashing->library.EVP_DigestUpdate(hashing->context, data, length))
		return error_set(error, EIO, "SHA-256 failed");
	return 0;
}

static int hash_finish(const struct hashing *hashing, char hex[HASH_HEX_SIZE], struct error *error)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	if (!hashing->library.EVP_DigestFinal_ex(hashing->context, digest, &length) ||
	    length != HASH_SIZE)
		return error_set(error, EIO, "SHA-256 failed");
	hex_print(hex, digest, length);
	return 0;
}

int hash_prepare(struct error *error)
{
	struct hash_library library;
	return hash_library_load(&library, error);
}

int hash_bytes(const void *data, size_t length, uint8_t digest[HASH_SIZE], struct error *error)
{
	struct hash_library library;
	unsigned written = 0;
	int result = hash_library_load(&library, error);
	if (result)
		return result;
	if (!library.EVP_Digest(data, length, digest, &written, library.EVP_sha256(), NULL) ||
	    written != HASH_SIZE)
		return error_set(error, EIO, "SHA-256 failed");
	return 0;
}

int hash_buffer(const void *data, size_t length, char hex[HASH_HEX_SIZE], struct error *error)
{
	cleanup(hash_release) struct hashing hashing = {.context = NULL};
	int result = hash_begin(&hashing, error);
	if (!result)
		result = hash_add(&hashing, data, length, error);
	return result ? result : hash_finish(&hashing, hex, error);
}

int hash_descriptor(int fd, char hex[HASH_HEX_SIZE], struct error *error)
{
	cleanup(hash_release) struct hashing hashing = {.context = NULL};
	uint8_t block[65536];
	int result = hash_begin(&hashing, error);
	for (off_t offset = 0; !result;) {
		ssize_t got = pread(fd, block, sizeof(block), offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(error, errno, "cannot be read");
		if (got == 0)
			return hash_finish(&hashing, hex, error);
		result = hash_add(&hashing, block, (size_t)got, error);
		offset += got;
	}
	return result;
}

int hash_file(const char *path, char hex[HASH_HEX_SIZE], struct error *error)
{
	uint64_t size;
	cleanup_close int fd = file_open_regular(path, &size, error);
	if (fd < 0)
		return fd;
	int result = hash_descriptor(fd, hex, error);
	return result ? error_wrap(error, "%s", path) : 0;
}
