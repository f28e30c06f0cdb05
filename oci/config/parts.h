/* The parts of config.json, for config.c. Each reads an object that is called `place` in messages. */
#ifndef MAYFLY_OCI_CONFIG_PARTS_H
#define MAYFLY_OCI_CONFIG_PARTS_H

#include <jansson.h>

#include "oci/config/config.h"
#include "oci/config/members.h"
#include "oci/config/tree.h"
#include "util/error.h"

int oci_process_of(struct oci_tree *tree, const json_t *object, const char *place,
		   struct oci_process *process, struct error *error);

int oci_resources_of(struct oci_tree *tree, const json_t *object, const char *place,
		     struct oci_resources *resources, struct error *error);

/* "linux" */
int oci_linux_of(struct oci_tree *tree, const json_t *object, struct oci_config *config,
		 struct error *error);

/* An element of "mounts". */
int oci_mount_of(struct oci_tree *tree, const json_t *object, const char *place, void *mount,
		 struct error *error);

/* "hooks" */
int oci_hooks_of(struct oci_tree *tree, const json_t *object, struct oci_hooks hooks[OCI_HOOKS],
		 struct error *error);

/* The annotations, which are there. */
int oci_settings_of(const struct oci_config *config, struct oci_settings *settings,
		    struct error *error);

/* MS_PRIVATE and so on for "rprivate"; 0: it is no such word. Nobody binds or mounts anything within the
 * container's namespace, so that what is shared need only be a slave. */
uint64_t oci_propagation_of(const char *word);

#endif
