/* Doctor: accelerators, ONNX Runtime, plugins, models and the accelerator host. */
#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/plugins/description.h"
#include "accel_client/host_list.h"
#include "cli/doctor/advice.h"
#include "cli/doctor/doctor.h"
#include "cli/installed/inventory.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/host_settings.h"
#include "util/paths.h"

static const char area[] = "acceleration";

static size_t count_paths(const char *pattern)
{
	glob_t found;
	size_t count = glob(pattern, GLOB_NOSORT, NULL, &found) ? 0 : found.gl_pathc;
	globfree(&found);
	return count;
}

static void probe_devices(struct doctor_report *report, const struct surroundings *here)
{
	size_t devices = count_paths("/dev/nvidia[0-9]*");
	void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
	if (driver)
		dlclose(driver);
	struct finding *finding;
	if (devices && driver) {
		doctor_add(report, area, "gpu", FINDING_GOOD,
			   "%zu NVIDIA devices, CUDA's driver found", devices);
	} else if (devices) {
		finding = doctor_add(report, area, "gpu", FINDING_NOTE,
				     "%zu NVIDIA devices, but no libcuda.so.1", devices);
		advice_gpu(here, finding->advice);
	} else {
		doctor_add(report, area, "gpu", FINDING_NOTE, "none found: ops run on the CPU");
	}
}

static void add_folder_state(struct doctor_report *report, const char *cache, const char *path)
{
	const char *slash = strrchr(path, '/');
	enum model_state state;
	struct error error = {0};
	struct finding *finding;
	if (inventory_check_folder(cache, "onnxruntime", &state, &error)) {
		doctor_add(report, area, "onnxruntime", FINDING_MISSING, "%s", error.text);
	} else if (state == MODEL_CHANGED) {
		finding = doctor_add(report, area, "onnxruntime", FINDING_MISSING,
				     "%s is not what was installed", path);
		doctor_advise(finding, "fetch it again: mayfly models fetch onnxruntime");
	} else {
		doctor_add(report, area, "onnxruntime", FINDING_GOOD, "%s, %s",
			   slash ? slash + 1 : path, inventory_state_name(state));
	}
}

static void probe_engine(struct doctor_report *report, const struct surroundings *here,
			 const char *cache)
{
	const char *chosen = host_setting(HOST_ONNXRUNTIME);
	struct finding *finding;
	if (chosen) {
		bool readable = !access(chosen, R_OK);
		finding = doctor_add(report, area, "onnxruntime",
				     readable ? FINDING_GOOD : FINDING_MISSING,
				     "%s, as MAYFLY_ONNXRUNTIME says%s", chosen,
				     readable ? "" : ", but it cannot be read");
		if (!readable)
			doctor_advise(finding, "correct or unset MAYFLY_ONNXRUNTIME");
		return;
	}
	char pattern[PATH_MAX];
	glob_t found = {0};
	if ((size_t)snprintf(pattern, sizeof(pattern), "%s/onnxruntime/libonnxruntime.so*", cache) <
		sizeof(pattern) &&
	    !glob(pattern, 0, NULL, &found)) {
		add_folder_state(report, cache, found.gl_pathv[0]);
	} else {
		finding = doctor_add(report, area, "onnxruntime", FINDING_NOTE, "not in the cache");
		advice_fetch(here, "onnxruntime", finding->advice);
	}
	globfree(&found);
}

/* Names with blanks between them, as many as there is room for. */
static void append_name(char *list, size_t size, const char *name)
{
	size_t used = strlen(list), length = strlen(name);
	if (used + length + sizeof(" ") > size)
		return;
	if (used)
		list[used++] = ' ';
	memcpy(list + used, name, length + 1);
}

static void probe_plugins(struct doctor_report *report)
{
	cleanup(mayfly_plugin_catalog_release) struct plugin_catalog catalog = {0};
	struct error error = {0};
	char usual[DOCTOR_TEXT_MAX / 2] = "", named[DOCTOR_TEXT_MAX / 4] = "";
	char missing[DOCTOR_TEXT_MAX / 2] = "";
	if (mayfly_plugin_catalog_read(&catalog, &error) || !catalog.count) {
		doctor_add(report, area, "plugins", FINDING_MISSING, "%s",
			   *error.text ? error.text
				       : "none is installed: run make, or set MAYFLY_LIBDIR");
		return;
	}
	for (size_t i = 0; i < catalog.count; i++) {
		const struct plugin_description *plugin = &catalog.entries[i];
		if (access(plugin->library, R_OK))
			append_name(missing, sizeof(missing), plugin->library);
		else if (plugin->by_default)
			append_name(usual, sizeof(usual), plugin->name);
		else
			append_name(named, sizeof(named), plugin->name);
	}
	if (*missing)
		doctor_add(report, area, "plugins", FINDING_MISSING, "not there: %s", missing);
	else
		doctor_add(report, area, "plugins", FINDING_GOOD, "%s%s%s", usual,
			   *named ? "; where VACCEL_PLUGINS names them: " : "", named);
}

static void probe_parts(struct doctor_report *report)
{
	char path[PATH_MAX];
	struct error error = {0};
	probe_plugins(report);
	if (!paths_part(path, sizeof(path), "acceld/mayfly-acceld", &error))
		doctor_add(report, area, "acceld_program", FINDING_GOOD, "%s", path);
	else
		doctor_add(report, area, "acceld_program", FINDING_MISSING, "%s", error.text);
}

static void probe_models(struct doctor_report *report, const struct surroundings *here,
			 const char *cache)
{
	cleanup(inventory_release) struct inventory inventory = {0};
	struct error error = {0};
	struct finding *finding;
	if (inventory_read(&inventory, cache, &error)) {
		doctor_add(report, area, "models", FINDING_MISSING, "%s", error.text);
		return;
	}
	if (!inventory.count) {
		finding = doctor_add(report, area, "models", FINDING_NOTE, "none in the cache");
		advice_fetch(here, "", finding->advice);
		return;
	}
	char names[DOCTOR_TEXT_MAX / 2] = "", changed[DOCTOR_TEXT_MAX / 2] = "";
	char broken[DOCTOR_TEXT_MAX / 2] = "";
	for (size_t i = 0; i < inventory.count; i++) {
		const struct model_entry *model = &inventory.models[i];
		char *list = model->state == MODEL_CHANGED  ? changed
			     : model->state == MODEL_BROKEN ? broken
							    : names;
		append_name(list, sizeof(names), model->name);
	}
	if (names[0])
		doctor_add(report, area, "models", FINDING_GOOD, "%s", names);
	if (changed[0]) {
		finding = doctor_add(report, area, "models_changed", FINDING_MISSING,
				     "%s: not what was installed", changed);
		doctor_advise(finding, "fetch them again: mayfly models fetch %s", changed);
	}
	if (broken[0]) {
		finding = doctor_add(report, area, "models_broken", FINDING_MISSING,
				     "%s: cannot be used", broken);
		doctor_advise(finding, "mayfly models says what is wrong with them");
	}
}

/* The settings in one line; "the defaults" where there are none. */
static void join_settings(const char *settings, char *line, size_t size)
{
	snprintf(line, size, "%s", *settings ? settings : "the defaults");
	for (char *end = line; (end = strchr(end, '\n'));)
		*end = end[1] ? ' ' : 0;
}

static void add_host(struct doctor_report *report, const struct host_entry *host)
{
	char settings[DOCTOR_TEXT_MAX / 2];
	join_settings(host->settings, settings, sizeof(settings));
	if (!host->process) {
		doctor_add(report, area, "acceld", FINDING_GOOD,
			   "does not run; the first op of a function starts it");
	} else if (host->own) {
		doctor_add(report, area, "acceld", FINDING_GOOD, "runs at %s; settings: %s",
			   host->path, settings);
	} else {
		doctor_add(report, area, "acceld_other", FINDING_GOOD,
			   "%s runs, too, for commands with other settings: %s", host->name,
			   settings);
	}
}

#define HOSTS_SHOWN_MAX 4 /* of those with other settings */

static void probe_accelerator_hosts(struct doctor_report *report)
{
	cleanup(host_list_release) struct host_list list = {0};
	struct error error = {0};
	cleanup_free char *own = NULL;
	char settings[DOCTOR_TEXT_MAX / 2];
	if (host_settings_describe(&own, &error) || host_list_read(&list, &error)) {
		doctor_add(report, area, "acceld", FINDING_MISSING, "%s", error.text);
		return;
	}
	join_settings(own, settings, sizeof(settings));
	doctor_add(report, area, "acceld_settings", FINDING_GOOD, "%s", settings);
	for (size_t i = 0; i < list.count && i <= HOSTS_SHOWN_MAX; i++)
		add_host(report, &list.entries[i]);
}

void doctor_probe_acceleration(struct doctor_report *report, const struct surroundings *here)
{
	probe_devices(report, here);
	probe_parts(report);
	char cache[PATH_MAX];
	struct error error = {0};
	if (paths_cache(cache, sizeof(cache), "", &error)) {
		doctor_add(report, area, "models", FINDING_MISSING, "%s", error.text);
	} else {
		probe_engine(report, here, cache);
		probe_models(report, here, cache);
	}
	probe_accelerator_hosts(report);
}
