/* What a snapshot depends on besides its image: this version of Mayfly, and this machine. */
#ifndef MAYFLY_GATEWAY_MACHINE_H
#define MAYFLY_GATEWAY_MACHINE_H

#include "util/error.h"
#include "util/hash.h"

/* A digest of the parts that make and serve snapshots, of the processor's features, and of whether KVM may
 * be used. */
int machine_digest(char hex[HASH_HEX_SIZE], struct error *error);

#endif
