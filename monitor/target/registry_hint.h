/* Names of images in registries, which people give as they do to docker run. */
#ifndef MAYFLY_MONITOR_REGISTRY_HINT_H
#define MAYFLY_MONITOR_REGISTRY_HINT_H

#include "util/error.h"

/* Where `name` is no file here, but looks like an image in a registry (docker://NAME,
 * docker.io/NAME, NAME:TAG), says how to get it into a file: -ENOENT. Else 0. */
int registry_hint(const char *name, struct error *error);

#endif
