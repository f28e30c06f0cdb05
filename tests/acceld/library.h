/* For tests that use parts of the accelerator host in their own process. */
#ifndef MAYFLY_TESTS_ACCELD_LIBRARY_H
#define MAYFLY_TESTS_ACCELD_LIBRARY_H

#include <stdlib.h>

#include "check.h"
#include "vaccel.h"

/* Starts libvaccel with the noop plugin. */
static inline void library_start(void)
{
	struct vaccel_config config;
	CHECK_NUMBER(vaccel_config_init(&config, getenv("NOOP_PLUGIN"), VACCEL_LOG_ERROR, NULL,
					false, false),
		     0);
	CHECK_NUMBER(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
}

#endif
