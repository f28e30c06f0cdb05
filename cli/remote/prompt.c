/* Secrets from standard input; see prompt.h. */
#include "cli/remote/prompt.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/utf8.h"

static bool is_text(const uint8_t *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		bool sound;
		at += utf8_sequence((const char *)bytes + at, length - at, &sound);
		if (!sound)
			return false;
	}
	return !memchr(bytes, 0, length);
}

void prompt_trim(const uint8_t *bytes, size_t *length)
{
	if (!is_text(bytes, *length))
		return;
	if (*length && bytes[*length - 1] == '\n')
		(*length)--;
	if (*length && bytes[*length - 1] == '\r')
		(*length)--;
}

/* A terminal gives a line at a time. */
static ssize_t read_line(uint8_t *bytes, size_t room)
{
	ssize_t length;
	do
		length = read(STDIN_FILENO, bytes, room);
	while (length < 0 && errno == EINTR);
	return length < 0 ? -errno : length;
}

static ssize_t read_unseen(const char *what, uint8_t *bytes, size_t room)
{
	struct termios before, unseen;
	fprintf(stderr, "%s: ", what);
	fflush(stderr);
	if (tcgetattr(STDIN_FILENO, &before))
		return -errno;
	unseen = before;
	unseen.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen))
		return -errno;
	ssize_t length = read_line(bytes, room);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return length;
}

int prompt_read_secret(const char *what, uint8_t **bytes, size_t *length, struct error *error)
{
	uint8_t *buffer = malloc(PROMPT_BYTES_MAX + 2);
	if (!buffer)
		return error_set(error, ENOMEM, "no memory for a secret");
	ssize_t count = isatty(STDIN_FILENO)
			    ? read_unseen(what, buffer, PROMPT_BYTES_MAX + 1)
			    : file_read_full(STDIN_FILENO, buffer, PROMPT_BYTES_MAX + 1);
	if (count < 0 || (size_t)count > PROMPT_BYTES_MAX) {
		free(buffer);
		if (count < 0)
			return error_set_errno(error, (int)-count, "cannot read standard input");
		return error_set(error, EFBIG,
				 "standard input has more than 1 MiB: too much for a "
				 "secret");
	}
	buffer[count] = 0;
	*bytes = buffer;
	*length = (size_t)count;
	return 0;
}
