/* What the functions of this API return: 0, or one of these positive values. Functions that return
 * an id return it negated. The values are Linux' errno values and part of the ABI. */
#ifndef VACCEL_ERROR_H
#define VACCEL_ERROR_H

#include <errno.h>

enum {
	VACCEL_OK = 0,
	VACCEL_EPERM = EPERM,
	VACCEL_ENOENT = ENOENT,
	VACCEL_EIO = EIO,
	VACCEL_ENOEXEC = ENOEXEC,
	VACCEL_EBADF = EBADF,
	VACCEL_EAGAIN = EAGAIN,
	VACCEL_ENOMEM = ENOMEM,
	VACCEL_EACCES = EACCES,
	VACCEL_EFAULT = EFAULT,
	VACCEL_EBUSY = EBUSY,
	VACCEL_EEXIST = EEXIST,
	VACCEL_ENODEV = ENODEV,
	VACCEL_ENOTDIR = ENOTDIR,
	VACCEL_EINVAL = EINVAL,
	VACCEL_ENOSPC = ENOSPC,
	VACCEL_EROFS = EROFS,
	VACCEL_EMLINK = EMLINK,
	VACCEL_ERANGE = ERANGE,
	VACCEL_ENAMETOOLONG = ENAMETOOLONG,
	VACCEL_ENOSYS = ENOSYS,
	VACCEL_ELOOP = ELOOP,
	VACCEL_EBACKEND = EPROTO,  /* a plugin or the program it ran failed */
	VACCEL_ELIBBAD = ELIBBAD,  /* a shared object is no plugin */
	VACCEL_EUSERS = EUSERS,	   /* too many live sessions or resources */
	VACCEL_ENOTSUP = ENOTSUP,  /* no plugin, or the plugin lacks the op */
	VACCEL_ESESS = ECONNRESET, /* the library is not bootstrapped */
	VACCEL_EINPROGRESS = EINPROGRESS,
	VACCEL_EREMOTEIO = EREMOTEIO,
};

#endif
