/* Resources that release themselves at the end of their scope.
 *
 *     cleanup_close int fd = open(…);
 *     cleanup_free char *text = strdup(…);
 *     …
 *     return take_fd(&fd);        // hands the resource on: the cleanup then does nothing
 */
#ifndef MAYFLY_UTIL_CLEANUP_H
#define MAYFLY_UTIL_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(function) __attribute__((cleanup(function)))

static inline void cleanup_free_function(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close_function(const int *fd)
{
	if (*fd >= 0) {
		int saved_errno = errno;
		close(*fd);
		errno = saved_errno;
	}
}

static inline void cleanup_fclose_function(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_closedir_function(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

#define cleanup_free	 cleanup(cleanup_free_function)
#define cleanup_close	 cleanup(cleanup_close_function)
#define cleanup_fclose	 cleanup(cleanup_fclose_function)
#define cleanup_closedir cleanup(cleanup_closedir_function)

static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

/* Moves a pointer out of a variable with a cleanup attribute. */
#define take_pointer(variable)                                                                     \
	({                                                                                         \
		__typeof__(variable) taken_ = (variable);                                          \
		(variable) = NULL;                                                                 \
		taken_;                                                                            \
	})

#endif
