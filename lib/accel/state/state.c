/* The library's state; see state.h. */
#include "accel/state/state.h"

#include "vaccel/log.h"

struct accel_state accel_state = {
    .config = {.log_level = VACCEL_LOG_ERROR},
    .sessions = {.lock = PTHREAD_MUTEX_INITIALIZER},
    .resources = {.lock = PTHREAD_MUTEX_INITIALIZER},
    .transport_lock = PTHREAD_MUTEX_INITIALIZER,
    .tasks_lock = PTHREAD_MUTEX_INITIALIZER,
    .tasks_ended = PTHREAD_COND_INITIALIZER,
    .rundir_lock = PTHREAD_MUTEX_INITIALIZER,
};
