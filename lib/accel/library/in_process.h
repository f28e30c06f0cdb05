/* Sessions that plugins in this process serve. */
#ifndef MAYFLY_ACCEL_LIBRARY_IN_PROCESS_H
#define MAYFLY_ACCEL_LIBRARY_IN_PROCESS_H

#include "accel/state/build.h"

extern const struct accel_in_process in_process;

#endif
