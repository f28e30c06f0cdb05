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
#define VACCEL_PROF_NAME_MAX	256

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

/* While profiling is not enabled, all functions below succeed. */
VACCEL_API bool vaccel_prof_enabled(void);

/* `name` is copied. Where it is NULL, region->name is room for VACCEL_PROF_NAME_MAX bytes that the
 * caller may fill. */
VACCEL_API int vaccel_prof_region_init(struct vaccel_prof_region *region, const char *name);
VACCEL_API int vaccel_prof_region_release(struct vaccel_prof_region *region);

/* start opens a sample, stop ends the last one (VACCEL_ENOENT where there is none). */
VACCEL_API int vaccel_prof_region_start(struct vaccel_prof_region *region);
VACCEL_API int vaccel_prof_region_stop(const struct vaccel_prof_region *region);

/* Writes a region that has samples to the log at info level:
 * "[prof] NAME: total_time: NANOSECONDS nsec nr_entries: SAMPLES". The library does it for its ops
 * when it ends. */
VACCEL_API int vaccel_prof_region_print(const struct vaccel_prof_region *region);

/* The same for arrays of regions; init gives them empty names. A name that is not there gives
 * VACCEL_EINVAL. */
VACCEL_API int vaccel_prof_regions_init(struct vaccel_prof_region *regions, int nregions);
VACCEL_API int vaccel_prof_regions_release(struct vaccel_prof_region *regions, int nregions);
VACCEL_API int vaccel_prof_regions_start_by_name(struct vaccel_prof_region *regions, int nregions,
						 const char *name);
VACCEL_API int vaccel_prof_regions_stop_by_name(struct vaccel_prof_region *regions, int nregions,
						const char *name);
VACCEL_API int vaccel_prof_regions_print_all(struct vaccel_prof_region *regions, int nregions);

/* Writes the lines of all regions that have samples, each with a NUL at its end, to fresh memory of
 * `tbuf_len` bytes, which the caller frees; what does not fit is cut. Returns `size`, or a negative
 * code. Without `tbuf`: how many bytes there are to write. */
VACCEL_API int vaccel_prof_regions_print_all_to_buf(char **tbuf, size_t tbuf_len,
						    struct vaccel_prof_region *regions, int size);

#ifdef __cplusplus
}
#endif

#endif
