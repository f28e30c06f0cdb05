/* The Internet's checksum (RFC 1071). */
#ifndef MAYFLY_MONITOR_NETWORK_CHECKSUM_H
#define MAYFLY_MONITOR_NETWORK_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds bytes to a sum, which begins as 0. All parts but the last have an even length. */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t length);

/* What stands in a header; 0 over a whole one that is sound. */
uint16_t checksum_finish(uint64_t sum);

#endif
