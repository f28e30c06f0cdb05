/* What a device that writes the response byte by byte gathers of it before it hands it on. All of it
 * belongs to one run: it is handed on before a freeze, so that there is nothing to save. */
#ifndef MAYFLY_MONITOR_RESPONSE_BUFFER_H
#define MAYFLY_MONITOR_RESPONSE_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "bus.h"

#define RESPONSE_BUFFER_SIZE 4096

struct response_buffer {
	bool told; /* something was handed on since the request began, be it to the log */
	uint64_t length;
	uint64_t since_ns; /* when its first byte came */
	uint8_t bytes[RESPONSE_BUFFER_SIZE];
};

/* Adds a byte, and hands on what is there where it is full, at the end of the first line, or of any where
 * the reader does not want to wait. Returns and sets what response_buffer_flush() does. */
int response_buffer_put(struct response_buffer *buffer, struct slot *slot, uint8_t byte,
			enum device_next *next, struct error *error);

/* Hands on all: 0, or why nobody takes the response. A deadline that passed meanwhile, or a response
 * that is too long, ends the request (*next). */
int response_buffer_flush(struct response_buffer *buffer, struct slot *slot, enum device_next *next,
			  struct error *error);

#endif
