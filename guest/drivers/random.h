/* Randomness, for the library OS, for getrandom() and for /dev/random. */
#ifndef MAYFLY_GUEST_RANDOM_H
#define MAYFLY_GUEST_RANDOM_H

#include <stddef.h>

/* Takes the 32 fresh bytes out of the control page (and erases them there). */
void random_reseed(void);
void random_bytes(void *out, size_t length);

/* Puts the devices into /dev. */
void random_init(void);

#endif
