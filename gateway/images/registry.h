/* Images of registries, by skopeo(1). */
#ifndef MAYFLY_GATEWAY_REGISTRY_H
#define MAYFLY_GATEWAY_REGISTRY_H

#include "gateway/images/collecting.h"
#include "util/hash.h"

/* The digest of what a name stands for now; a name with one ("NAME@sha256:…") is not looked up. */
int registry_digest(const struct collecting *collecting, const char *name, char hex[HASH_HEX_SIZE],
		    struct error *error);

/* Fetches the image with that digest as an OCI layout into `layout`, which is in the directory `folder`. */
int registry_fetch(const struct collecting *collecting, const char *name, const char *hex,
		   const char *folder, const char *layout, struct error *error);

#endif
