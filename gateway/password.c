#include "password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/hex.h"

#define RANDOM_BYTES 16UL
#define PASSWORD_MAX 1024

static int make_password(const char *path, struct error *error)
{
	uint8_t random[RANDOM_BYTES];
	char text[2 * RANDOM_BYTES + 2];
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_set(error, EIO, "no randomness for a password");
	hex_print(text, random, sizeof(random));
	text[2 * RANDOM_BYTES] = '\n';
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot make %s", path);
	int result = file_write_all(fd, text, 2 * RANDOM_BYTES + 1);
	if (!result)
		return 0;
	unlink(path);
	return error_set_errno(error, -result, "cannot write %s", path);
}

int password_read(const char *path, int make, char **password, struct error *error)
{
	struct stat status;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && make) {
		int result = make_password(path, error);
		if (result)
			return result;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0 || fstat(fd, &status))
		return error_set_errno(error, errno, "cannot read the password in %s", path);
	if (status.st_uid && status.st_uid != geteuid())
		return error_set(error, EPERM, "the password in %s is somebody else's", path);
	if (status.st_mode & 077)
		return error_set(error, EPERM,
				 "others may read the password in %s: run chmod 600 %s", path,
				 path);
	char text[PASSWORD_MAX + 1];
	const ssize_t length = file_read_full(fd, text, PASSWORD_MAX);
	if (length < 0)
		return error_set_errno(error, (int)-length, "cannot read %s", path);
	text[length] = 0;
	text[strcspn(text, "\r\n")] = 0;
	if (!*text)
		return error_set(error, EINVAL, "there is no password in %s", path);
	*password = strdup(text);
	explicit_bzero(text, sizeof(text));
	return *password ? 0 : error_set(error, ENOMEM, "no memory for a password");
}
