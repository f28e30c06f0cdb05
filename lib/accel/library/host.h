/* The host's build of the library. */
#ifndef MAYFLY_ACCEL_LIBRARY_HOST_H
#define MAYFLY_ACCEL_LIBRARY_HOST_H

/* Sessions and resources at once: eight and 32 for each of the accelerator host's 2048
 * connections. */
#define HOST_SESSIONS_MAX  16384
#define HOST_RESOURCES_MAX 65536

#endif
