/* Who may come to an accelerator host: its configuration, in force. */
#ifndef MAYFLY_ACCELD_TENANCY_H
#define MAYFLY_ACCELD_TENANCY_H

#include "acceld/config/config.h"
#include "acceld/supervisor/listener_set.h"
#include "acceld/supervisor/sandboxes.h"
#include "util/error.h"

struct tenancy_options {
	const char *config;	      /* a file; NULL: none */
	const char *const *sandboxes; /* directories beside those of the file */
	size_t sandboxes_count;
};

struct tenancy {
	struct tenancy_options options;
	struct config *config; /* in force; NULL: none yet */
	struct listener_set listeners;
	struct sandboxes sandboxes;
};

/* True where somebody has asked for tenants by configuration. */
bool tenancy_is_wanted(const struct tenancy_options *options);

/* What `options` points to is to outlive the tenancy. */
void tenancy_init(struct tenancy *tenancy, const struct tenancy_options *options);
void tenancy_release(struct tenancy *tenancy);

/* Puts what the options say in force, now or again. A negative errno, and what was in force stays. */
int tenancy_load(struct tenancy *tenancy, struct error *error);

/* In a forked child; see listener_set_forget(). */
void tenancy_forget(struct tenancy *tenancy);

#endif
