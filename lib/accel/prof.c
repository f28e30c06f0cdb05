/* Profiling regions; see vaccel/prof.h. */
#include "vaccel/prof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "accel/state.h"
#include "util/clock.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

bool vaccel_prof_enabled(void)
{
	return accel_state.config.profiling_enabled;
}

int vaccel_prof_region_init(struct vaccel_prof_region *region, const char *name)
{
	if (!region || !name)
		return VACCEL_EINVAL;
	char *copy = strdup(name);
	if (!copy)
		return VACCEL_ENOMEM;
	*region = (struct vaccel_prof_region){.name = copy, .name_owned = true};
	return VACCEL_OK;
}

int vaccel_prof_region_release(struct vaccel_prof_region *region)
{
	if (!region)
		return VACCEL_EINVAL;
	if (region->name_owned)
		free((char *)region->name);
	free(region->samples);
	memset(region, 0, sizeof(*region));
	return VACCEL_OK;
}

int vaccel_prof_region_start(struct vaccel_prof_region *region)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!region)
		return VACCEL_EINVAL;
	if (region->nr_entries == VACCEL_PROF_SAMPLES_MAX)
		return VACCEL_ENOSPC;
	if (region->nr_entries == region->size) {
		size_t size = region->size ? 2 * region->size : 64;
		struct vaccel_prof_sample *larger =
		    reallocarray(region->samples, size, sizeof(*larger));
		if (!larger)
			return VACCEL_ENOMEM;
		region->samples = larger;
		region->size = size;
	}
	region->samples[region->nr_entries++] =
	    (struct vaccel_prof_sample){.start = clock_now_ns()};
	return VACCEL_OK;
}

int vaccel_prof_region_stop(const struct vaccel_prof_region *region)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!region || !region->nr_entries)
		return VACCEL_EINVAL;
	struct vaccel_prof_sample *last = &region->samples[region->nr_entries - 1];
	if (!last->time)
		last->time = clock_now_ns() - last->start;
	return VACCEL_OK;
}

int vaccel_prof_region_print(const struct vaccel_prof_region *region)
{
	if (!region)
		return VACCEL_EINVAL;
	uint64_t total = 0;
	for (size_t i = 0; i < region->nr_entries; i++)
		total += region->samples[i].time;
	vaccel_info("%s: %zu samples, %" PRIu64 " ns in all, %" PRIu64 " ns each", region->name,
		    region->nr_entries, total, region->nr_entries ? total / region->nr_entries : 0);
	return VACCEL_OK;
}

int vaccel_prof_regions_init(struct vaccel_prof_region *regions, int nregions)
{
	if (!regions || nregions < 1)
		return VACCEL_EINVAL;
	memset(regions, 0, (size_t)nregions * sizeof(*regions));
	return VACCEL_OK;
}

int vaccel_prof_regions_release(struct vaccel_prof_region *regions, int nregions)
{
	if (!regions || nregions < 1)
		return VACCEL_EINVAL;
	for (int i = 0; i < nregions; i++)
		vaccel_prof_region_release(&regions[i]);
	return VACCEL_OK;
}

static struct vaccel_prof_region *find_region(struct vaccel_prof_region *regions, int count,
					      const char *name)
{
	for (int i = 0; regions && name && i < count; i++)
		if (regions[i].name && !strcmp(regions[i].name, name))
			return &regions[i];
	return NULL;
}

int vaccel_prof_regions_start_by_name(struct vaccel_prof_region *regions, int nregions,
				      const char *name)
{
	struct vaccel_prof_region *region = find_region(regions, nregions, name);
	return region ? vaccel_prof_region_start(region) : VACCEL_EINVAL;
}

int vaccel_prof_regions_stop_by_name(struct vaccel_prof_region *regions, int nregions,
				     const char *name)
{
	struct vaccel_prof_region *region = find_region(regions, nregions, name);
	return region ? vaccel_prof_region_stop(region) : VACCEL_EINVAL;
}

int vaccel_prof_regions_print_all(struct vaccel_prof_region *regions, int nregions)
{
	if (!regions || nregions < 1)
		return VACCEL_EINVAL;
	for (int i = 0; i < nregions; i++)
		vaccel_prof_region_print(&regions[i]);
	return VACCEL_OK;
}
