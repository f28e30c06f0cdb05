/* The filters of system calls of all kinds of monitors, which prepare.c makes when Mayfly is built. */
#ifndef MAYFLY_MONITOR_PREPARED_H
#define MAYFLY_MONITOR_PREPARED_H

#include "confine/prepared_filter.h"

extern const struct confine_prepared_filter rights_prepared[];
extern const size_t rights_prepared_count;

#endif
