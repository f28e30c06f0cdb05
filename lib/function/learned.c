/* What a monitor finds out about its function, kept for later monitors. It means nothing here: a
 * monitor that was taken over may say anything, and the next one checks what it reads. */
#include <sys/stat.h>
#include <unistd.h>

#include "function/function.h"

bool learned_keep(struct mayfly_function *function, int fd)
{
	uint8_t copy[CHANNEL_LEARNED_MAX];
	struct stat status;
	/* Once is enough, so that nobody is kept busy with that. */
	if (function->has_learned || fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode) ||
	    status.st_size > (off_t)sizeof(copy))
		return false;
	function->has_learned = true;
	const ssize_t length = pread(fd, copy, sizeof(copy), 0);
	if (length < 0)
		return false;
	if (function->learned < 0)
		return true;
	/* A part of it would be as if it were nothing. */
	if (!ftruncate(function->learned, 0) &&
	    pwrite(function->learned, copy, (size_t)length, 0) != length)
		(void)!ftruncate(function->learned, 0);
	return true;
}
