/* Doctor: the directories that Mayfly keeps things in. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "util/paths.h"
#include "util/trust.h"

static const char area[] = "directories";

static void probe_cache(struct doctor_report *report)
{
	char path[PATH_MAX];
	struct error error = {0};
	struct finding *finding;
	if (paths_cache(path, sizeof(path), "", &error)) {
		doctor_add(report, area, "cache", FINDING_MISSING, "%s", error.text);
	} else if (access(path, F_OK)) {
		finding =
		    doctor_add(report, area, "cache", FINDING_NOTE, "%s is not there yet", path);
		doctor_advise(finding, "mayfly models fetch makes and fills it");
	} else if (trust_path(path, &error) == -EPERM) {
		finding = doctor_add(report, area, "cache", FINDING_MISSING, "%s", error.text);
		doctor_advise(finding, "make it yours, or choose another with MAYFLY_CACHE");
	} else if (access(path, R_OK | X_OK)) {
		finding = doctor_add(report, area, "cache", FINDING_MISSING, "%s: %s", path,
				     strerrordesc_np(errno));
		doctor_advise(finding, "make it yours, or choose another with MAYFLY_CACHE");
	} else if (access(path, W_OK)) {
		finding = doctor_add(report, area, "cache", FINDING_NOTE,
				     "%s is read only: Mayfly uses what is there", path);
		doctor_advise(finding, "to fetch or remove models make it yours, or choose another "
				       "with MAYFLY_CACHE");
	} else {
		struct statvfs space;
		double free_bytes =
		    statvfs(path, &space) ? 0 : (double)space.f_bavail * (double)space.f_frsize;
		doctor_add(report, area, "cache", FINDING_GOOD, "%s, %.1f GB free", path,
			   free_bytes / 1e9);
	}
}

void doctor_probe_directories(struct doctor_report *report)
{
	probe_cache(report);
	char path[PATH_MAX];
	struct error error = {0};
	if (paths_runtime(path, sizeof(path), "", &error)) {
		struct finding *finding =
		    doctor_add(report, area, "runtime", FINDING_MISSING, "%s", error.text);
		doctor_advise(finding, "correct it, or choose another with XDG_RUNTIME_DIR");
	} else {
		doctor_add(report, area, "runtime", FINDING_GOOD, "%s", path);
	}
}
