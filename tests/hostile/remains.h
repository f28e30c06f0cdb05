/* What the two sides of the test agree on: words of requests, and their answers. */
#ifndef MAYFLY_TESTS_HOSTILE_REMAINS_H
#define MAYFLY_TESTS_HOSTILE_REMAINS_H

/* "leave SIZE END COMPLEMENT": fills that many bytes of everything with the pattern, and all
 * registers. The pattern itself stands in no request, only its complement does.
 * "look COMPLEMENT": says "clean", or what it found.
 * "claim": answers with a whole response area that it has not written. */
#define REMAINS_CLEAN "clean\n"

#endif
