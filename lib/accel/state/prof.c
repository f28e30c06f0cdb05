/* Profiling regions; see vaccel/prof.h. */
#include "vaccel/prof.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/state/state.h"
#include "util/clock.h"
#include "util/log.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

bool vaccel_prof_enabled(void)
{
	return accel_state.config.profiling_enabled;
}

int vaccel_prof_region_init(struct vaccel_prof_region *region, const char *name)
{
	if (!region)
		return vaccel_prof_enabled() ? VACCEL_EINVAL : VACCEL_OK;
	size_t length = name ? strlen(name) : 0;
	/* Whoever gives no name writes one later. */
	size_t room = length < VACCEL_PROF_NAME_MAX ? VACCEL_PROF_NAME_MAX : length + 1;
	char *copy = calloc(1, room);
	if (!copy)
		return VACCEL_ENOMEM;
	if (name)
		memcpy(copy, name, length + 1);
	*region = (struct vaccel_prof_region){.name = copy, .name_owned = true};
	return VACCEL_OK;
}

int vaccel_prof_region_release(struct vaccel_prof_region *region)
{
	if (!region)
		return vaccel_prof_enabled() ? VACCEL_EINVAL : VACCEL_OK;
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
	if (!region)
		return VACCEL_EINVAL;
	if (!region->nr_entries)
		return VACCEL_ENOENT;
	struct vaccel_prof_sample *last = &region->samples[region->nr_entries - 1];
	if (!last->time)
		last->time = clock_now_ns() - last->start;
	return VACCEL_OK;
}

/* As snprintf(). */
static int print_region(char *out, size_t room, const struct vaccel_prof_region *region)
{
	uint64_t total = 0;
	for (size_t i = 0; i < region->nr_entries; i++)
		total += region->samples[i].time;
	return snprintf(out, room, "[prof] %s: total_time: %" PRIu64 " nsec nr_entries: %zu",
			region->name ? region->name : "", total, region->nr_entries);
}

int vaccel_prof_region_print(const struct vaccel_prof_region *region)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!region)
		return VACCEL_EINVAL;
	char line[1024];
	if (region->nr_entries && print_region(line, sizeof(line), region) >= 0)
		log_info("%s", line);
	return VACCEL_OK;
}

int vaccel_prof_regions_init(struct vaccel_prof_region *regions, int nregions)
{
	if (!regions || nregions < 0)
		return vaccel_prof_enabled() ? VACCEL_EINVAL : VACCEL_OK;
	for (int i = 0; i < nregions; i++) {
		int result = vaccel_prof_region_init(&regions[i], NULL);
		if (result) {
			vaccel_prof_regions_release(regions, i);
			return result;
		}
	}
	return VACCEL_OK;
}

int vaccel_prof_regions_release(struct vaccel_prof_region *regions, int nregions)
{
	if (!regions || nregions < 0)
		return vaccel_prof_enabled() ? VACCEL_EINVAL : VACCEL_OK;
	for (int i = 0; i < nregions; i++)
		vaccel_prof_region_release(&regions[i]);
	return VACCEL_OK;
}

/* The last one of that name. */
static struct vaccel_prof_region *find_region(struct vaccel_prof_region *regions, int count,
					      const char *name)
{
	for (int i = count - 1; regions && name && i >= 0; i--)
		if (regions[i].name && !strcmp(regions[i].name, name))
			return &regions[i];
	return NULL;
}

int vaccel_prof_regions_start_by_name(struct vaccel_prof_region *regions, int nregions,
				      const char *name)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	struct vaccel_prof_region *region = find_region(regions, nregions, name);
	return region ? vaccel_prof_region_start(region) : VACCEL_EINVAL;
}

int vaccel_prof_regions_stop_by_name(struct vaccel_prof_region *regions, int nregions,
				     const char *name)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	struct vaccel_prof_region *region = find_region(regions, nregions, name);
	return region ? vaccel_prof_region_stop(region) : VACCEL_EINVAL;
}

int vaccel_prof_regions_print_all(struct vaccel_prof_region *regions, int nregions)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!regions || nregions < 0)
		return VACCEL_EINVAL;
	for (int i = 0; i < nregions; i++)
		vaccel_prof_region_print(&regions[i]);
	return VACCEL_OK;
}

int vaccel_prof_regions_print_all_to_buf(char **tbuf, size_t tbuf_len,
					 struct vaccel_prof_region *regions, int size)
{
	if (!vaccel_prof_enabled())
		return 0;
	if (!regions || size < 0 || (tbuf && !tbuf_len))
		return -VACCEL_EINVAL;
	char *out = tbuf ? calloc(1, tbuf_len) : NULL;
	if (tbuf && !out)
		return -VACCEL_ENOMEM;
	size_t used = 0;
	for (int i = 0; i < size; i++) {
		size_t left = out && used < tbuf_len ? tbuf_len - used : 0;
		if (regions[i].nr_entries)
			used +=
			    (size_t)print_region(left ? out + used : NULL, left, &regions[i]) + 1;
	}
	if (!tbuf)
		return used > INT_MAX ? -VACCEL_ERANGE : (int)used;
	*tbuf = out;
	return size;
}
