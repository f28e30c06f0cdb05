/* Choosing an isolation; see isolation.h. */
#include "isolation.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"

const struct isolation *isolation_automatic(struct error *first)
{
	for (size_t i = 0; i < isolation_count; i++) {
		struct error reason = {0};
		if (!isolations[i]->probe(&reason))
			return isolations[i];
		if (!first->code)
			*first = reason;
	}
	return NULL;
}

static const struct isolation *choose_automatic(struct error *error)
{
	struct error first = {0};
	const struct isolation *isolation = isolation_automatic(&first);
	if (!isolation)
		error_set(error, ENOTSUP, "no isolation can be had here; kvm: %s", first.text);
	else if (first.code)
		log_warn("isolation is %s: %s", isolation->name, first.text);
	return isolation;
}

const struct isolation *isolation_choose(const char *name, struct error *error)
{
	if (!strcmp(name, "auto"))
		return choose_automatic(error);
	for (size_t i = 0; i < isolation_count; i++) {
		struct error reason = {0};
		if (strcmp(name, isolations[i]->name) != 0)
			continue;
		if (!isolations[i]->probe(&reason))
			return isolations[i];
		error_set(error, reason.code, "isolation %s cannot be had here: %s", name,
			  reason.text);
		return NULL;
	}
	error_set(error, EINVAL, "unknown isolation '%s'; there are kvm and process", name);
	return NULL;
}
