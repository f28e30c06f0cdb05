/* Choosing an isolation; see isolation.h. */
#include "isolation.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"

static const struct isolation *const isolations[] = {&isolation_kvm, &isolation_process};

const struct isolation *isolation_choose(const char *name, struct error *error)
{
	const size_t count = sizeof(isolations) / sizeof(isolations[0]);
	bool automatic = !strcmp(name, "auto");
	struct error first = {0};
	for (size_t i = 0; i < count; i++) {
		if (!automatic && strcmp(name, isolations[i]->name) != 0)
			continue;
		struct error reason = {0};
		if (!isolations[i]->probe(&reason)) {
			if (first.code)
				log_warn("isolation is %s: %s", isolations[i]->name, first.text);
			return isolations[i];
		}
		if (!automatic) {
			error_set(error, reason.code, "isolation %s cannot be had here: %s", name,
				  reason.text);
			return NULL;
		}
		if (!first.code)
			first = reason;
	}
	if (automatic)
		error_set(error, ENOTSUP, "no isolation can be had here; kvm: %s", first.text);
	else
		error_set(error, EINVAL, "unknown isolation '%s'; there are kvm and process", name);
	return NULL;
}
