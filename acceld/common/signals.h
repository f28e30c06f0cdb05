/* Signals as events of a descriptor. */
#ifndef MAYFLY_ACCELD_SIGNALS_H
#define MAYFLY_ACCELD_SIGNALS_H

#include <stddef.h>

#include "util/error.h"

/* Blocks the signals, also for the threads and processes that this one starts from now on, and
 * returns a close-on-exec signalfd(2) for them; `flags` is SFD_NONBLOCK or 0. A negative errno. */
int signals_open(const int *numbers, size_t count, int flags, struct error *error);

#endif
