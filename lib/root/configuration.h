/* The part of a container image's configuration that a root image keeps. */
#ifndef MAYFLY_ROOT_CONFIGURATION_H
#define MAYFLY_ROOT_CONFIGURATION_H

#include <jansson.h>

#include "root/builder.h"
#include "util/error.h"

/* Adds ROOT_DESCRIPTION to the image: what Entrypoint, Cmd, Env, WorkingDir, User, ExposedPorts and
 * the label of a contract say in the configuration. Nothing where a layer has such a file itself.
 * EINVAL where the image is for another machine. Reference: OCI image specification 1.1, config.md. */
int root_pack_configuration(struct root_builder *builder, const json_t *configuration,
			    struct error *error);

#endif
