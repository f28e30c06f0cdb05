/* Unikraft's random number generator, in the memory of a guest.
 *
 * It seeds itself once, when it boots, and nothing could tell it of a clone; so each clone would draw
 * the same. But it is always the same (lib/ukrandom and lib/ukswrand, since 2019): ChaCha, in a
 * variable of the kernel,
 *
 *     int k; uint32_t input[16], output[16];
 *
 * whose input is the constant of ChaCha, a key of 32 bytes, and a counter, and of which each number
 * is made anew. It is recognised by that constant, where the image had none. In each clone random
 * bytes of the host are mixed into the key. Other generators are not known here.
 */
#ifndef MAYFLY_MONITOR_UNIKRAFT_GENERATOR_H
#define MAYFLY_MONITOR_UNIKRAFT_GENERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "util/error.h"

#define UNIKRAFT_GENERATORS_MAX 8 /* programs may have some of their own like that */

struct slot;

/* Where they are: guest-physical addresses of `input`. */
struct unikraft_generators {
	uint64_t places[UNIKRAFT_GENERATORS_MAX];
	size_t count;
};

/* Looks for generators that have been seeded in `memory`, which is that of a guest of the image. */
void unikraft_generators_find(struct unikraft_generators *generators,
			      const struct unikraft_image *image, const uint8_t *file,
			      const uint8_t *memory);

/* Seeds them anew in the slot's guest, with what they had and randomness of the host. */
int unikraft_generators_seed(const struct unikraft_generators *generators, struct slot *slot,
			     struct error *error);

#endif
