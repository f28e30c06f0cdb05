/* Life of the library.
 *
 * A constructor bootstraps it from the environment when it is loaded, unless
 * VACCEL_BOOTSTRAP_ENABLED=0; a destructor cleans up, unless VACCEL_CLEANUP_ENABLED=0. Where the
 * constructor fails, the library logs why and stays uninitialised: sessions answer VACCEL_ESESS.
 * None of these functions is thread-safe against the others or against calls in flight.
 */
#ifndef VACCEL_CORE_H
#define VACCEL_CORE_H

#include <stdbool.h>

#include "config.h"
#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the library with the environment's configuration. Where it runs already, it is cleaned up
 * first: every session and resource ends. */
VACCEL_API int vaccel_bootstrap(void);

/* The same with a configuration of the caller's, which is copied. */
VACCEL_API int vaccel_bootstrap_with_config(struct vaccel_config *config);

/* Releases all sessions and resources, unloads the plugins, removes the run directory. */
VACCEL_API int vaccel_cleanup(void);

VACCEL_API bool vaccel_is_initialized(void);

/* The library's directory for files that live as long as it; made at the first call. NULL where
 * the library is not initialised or the directory cannot be made. */
VACCEL_API const char *vaccel_rundir(void);

/* The configuration in force. */
VACCEL_API const struct vaccel_config *vaccel_config(void);

#ifdef __cplusplus
}
#endif

#endif
