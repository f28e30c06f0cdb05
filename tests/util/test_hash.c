/* SHA-256, of a library that is loaded when the first digest is wanted or before. */
#include "util/hash.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/file.h"

/* NIST's examples for SHA-256. */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static bool has_libcrypto(void)
{
	void *handle = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NOLOAD);
	if (handle)
		dlclose(handle);
	return handle;
}

static void check_digests(void)
{
	char hex[HASH_HEX_SIZE];
	uint8_t digest[HASH_SIZE];
	struct error error;
	CHECK(!hash_buffer("", 0, hex, &error));
	CHECK_TEXT(hex, EMPTY);
	CHECK(!hash_buffer("abc", 3, hex, &error));
	CHECK_TEXT(hex, ABC);
	CHECK(!hash_bytes("abc", 3, digest, &error));
	CHECK(!memcmp(digest, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8));
}

/* More than one block of what is read at once, from wherever its position is. */
static void check_descriptor(void)
{
	const size_t length = 200000;
	char of_file[HASH_HEX_SIZE], of_bytes[HASH_HEX_SIZE];
	struct error error;
	cleanup_free uint8_t *bytes = malloc(length);
	cleanup_close int fd = memfd_create("hashed", MFD_CLOEXEC);
	if (!CHECK(bytes && fd >= 0))
		return;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(i * i >> 8);
	CHECK(!file_write_all(fd, bytes, length));
	CHECK(!hash_descriptor(fd, of_file, &error));
	CHECK(!hash_buffer(bytes, length, of_bytes, &error));
	CHECK_TEXT(of_file, of_bytes);
	CHECK(lseek(fd, 0, SEEK_CUR) == (off_t)length);
}

/* As in a process that has given up its right to open files. */
static void check_without_files(void)
{
	struct rlimit before;
	char hex[HASH_HEX_SIZE];
	struct error error;
	if (!CHECK(!getrlimit(RLIMIT_NOFILE, &before)))
		return;
	const struct rlimit none = {0, before.rlim_max};
	CHECK(!setrlimit(RLIMIT_NOFILE, &none));
	CHECK(!hash_buffer("abc", 3, hex, &error));
	CHECK_TEXT(hex, ABC);
	CHECK(!setrlimit(RLIMIT_NOFILE, &before));
}

static void check_base64(void)
{
	/* Those of RFC 4648, and the two digits that are neither letters nor numbers. */
	static const struct {
		const char *bytes, *text;
	} cases[] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="},
	    {"foobar", "Zm9vYmFy"},
	    {"\xfb\xff", "+/8="},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[16];
		base64_encode(text, (const uint8_t *)cases[i].bytes, strlen(cases[i].bytes));
		CHECK_TEXT(text, cases[i].text);
	}
}

int main(void)
{
	struct error error = {0};
	/* A process that hashes nothing starts sooner without it. */
	CHECK(!has_libcrypto());
	check_base64();
	if (!CHECK(!hash_prepare(&error)))
		fprintf(stderr, "  %s\n", error.text);
	CHECK(has_libcrypto());
	check_without_files();
	check_digests();
	check_descriptor();
	return check_status();
}
