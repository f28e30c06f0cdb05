/* For programs that start libvaccel themselves, at a moment of their choice. */
#ifndef MAYFLY_ACCEL_LIBRARY_BOOTSTRAP_H
#define MAYFLY_ACCEL_LIBRARY_BOOTSTRAP_H

#include "vaccel/export.h"

/* Where the program defines this, the library's constructor does nothing, whatever the environment
 * says. */
VACCEL_API extern const char mayfly_bootstraps_itself __attribute__((weak));

#endif
