/* Profiling regions: how long a piece of code takes, sample by sample.
 *
 * A region belongs to one thread at a time. Nothing is recorded unless the configuration enables
 * profiling; a region keeps at most VACCEL_PROF_SAMPLES_MAX samples and drops later ones.
 */
#ifndef VACCEL_PROF_H
#define VACCEL_PROF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VACCEL_PROF_SAMPLES_MAX (1u << 20)

struct vaccel_prof_sample {
	uint64_t start; /* CLOCK_MONOTONIC, ns */
	uint64_t time;	/* ns */
};

struct vaccel_prof_region {
	const char *name;
	bool name_owned;
	size_t nr_entries;
	struct vaccel_prof_sample *samples;
	size_t size; /* samples that there is room for */
};

#define VACCEL_PROF_REGION_INIT(name)                                                              \
	{                                                                                          \
		(name), false, 0, NULL, 0                                                          \
	}

VACCEL_API bool vaccel_prof_enabled(void);

/* `name` is copied. */
VACCEL_API int vaccel_prof_region_init(struct vaccel_prof_region *region, const char *name);
VACCEL_API int vaccel_prof_region_release(struct vaccel_prof_region *region);

/* start opens a sample, stop ends the last one. */
VACCEL_API int vaccel_prof_region_start(struct vaccel_prof_region *region);
VACCEL_API int vaccel_prof_region_stop(const struct vaccel_prof_region *region);

/* Writes count, total and mean to the log at info level. */
VACCEL_API int vaccel_prof_region_print(const struct vaccel_prof_region *region);

/* The same for arrays of regions; a name that is not there gives VACCEL_EINVAL. */
VACCEL_API int vaccel_prof_regions_init(struct vaccel_prof_region *regions, int nregions);
VACCEL_API int vaccel_prof_regions_release(struct vaccel_prof_region *regions, int nregions);
VACCEL_API int vaccel_prof_regions_start_by_name(struct vaccel_prof_region *regions, int nregions,
						 const char *name);
VACCEL_API int vaccel_prof_regions_stop_by_name(struct vaccel_prof_region *regions, int nregions,
						const char *name);
VACCEL_API int vaccel_prof_regions_print_all(struct vaccel_prof_region *regions, int nregions);

#ifdef __cplusplus
}
#endif

#endif
