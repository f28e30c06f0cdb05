/* Doctor: accelerators, ONNX Runtime, plugins, models and the accelerator host. */
#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/inventory.h"
#include "util/cleanup.h"
#include "util/paths.h"

static const char area[] = "acceleration";

static size_t count_paths(const char *pattern)
{
	glob_t found;
	size_t count = glob(pattern, GLOB_NOSORT, NULL, &found) ? 0 : found.gl_pathc;
	globfree(&found);
	return count;
}

static void probe_devices(struct doctor_report *report)
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
		doctor_advise(finding, "install the user-space part of the NVIDIA driver "
				       "(Debian: libcuda1)");
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

static void probe_engine(struct doctor_report *report, const char *cache)
{
	const char *chosen = getenv("MAYFLY_ONNXRUNTIME");
	struct finding *finding;
	if (chosen && *chosen) {
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
		doctor_advise(finding, "fetch it: mayfly models fetch onnxruntime");
	}
	globfree(&found);
}

static void probe_parts(struct doctor_report *report)
{
	static const struct {
		const char *name, *path;
	} parts[] = {
	    {"plugin_noop", "plugins/noop/libvaccel-noop.so"},
	    {"plugin_onnx", "plugins/onnx/libvaccel-onnx.so"},
	    {"acceld_program", "acceld/mayfly-acceld"},
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char path[PATH_MAX];
		struct error error = {0};
		if (!paths_part(path, sizeof(path), parts[i].path, &error))
			doctor_add(report, area, parts[i].name, FINDING_GOOD, "%s", path);
		else
			doctor_add(report, area, parts[i].name, FINDING_MISSING, "%s", error.text);
	}
}

static void probe_models(struct doctor_report *report, const char *cache)
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
		doctor_advise(finding, "fetch them: mayfly models fetch");
		return;
	}
	char names[DOCTOR_TEXT_MAX / 2] = "", changed[DOCTOR_TEXT_MAX / 2] = "";
	for (size_t i = 0; i < inventory.count; i++) {
		const struct model_entry *model = &inventory.models[i];
		char *list = model->state == MODEL_CHANGED ? changed : names;
		size_t used = strlen(list);
		snprintf(list + used, sizeof(names) - used, "%s%s", used ? " " : "", model->name);
	}
	if (names[0])
		doctor_add(report, area, "models", FINDING_GOOD, "%s", names);
	if (changed[0]) {
		finding = doctor_add(report, area, "models_changed", FINDING_MISSING,
				     "%s: not what was installed", changed);
		doctor_advise(finding, "fetch them again: mayfly models fetch %s", changed);
	}
}

/* A connection that says nothing and goes away is nothing to the accelerator host. */
static void probe_accelerator_host(struct doctor_report *report)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct error error = {0};
	if (paths_runtime(address.sun_path, sizeof(address.sun_path), "acceld.sock", &error)) {
		doctor_add(report, area, "acceld", FINDING_MISSING, "%s", error.text);
		return;
	}
	cleanup_close int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connection >= 0 &&
	    !connect(connection, (const struct sockaddr *)&address, sizeof(address)))
		doctor_add(report, area, "acceld", FINDING_GOOD, "runs at %s", address.sun_path);
	else
		doctor_add(report, area, "acceld", FINDING_GOOD,
			   "does not run; the first op of a function starts it");
}

void doctor_probe_acceleration(struct doctor_report *report)
{
	probe_devices(report);
	probe_parts(report);
	char cache[PATH_MAX];
	struct error error = {0};
	if (paths_cache(cache, sizeof(cache), "", &error)) {
		doctor_add(report, area, "models", FINDING_MISSING, "%s", error.text);
	} else {
		probe_engine(report, cache);
		probe_models(report, cache);
	}
	probe_accelerator_host(report);
}
