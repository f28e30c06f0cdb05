/* Calls that nobody serves, by name: what a failing program's log says of them. */
#ifndef MAYFLY_GUEST_REFUSALS_H
#define MAYFLY_GUEST_REFUSALS_H

#include <stdint.h>

/* The program made that call, which has no function. */
void refusals_note(uint64_t number);

#endif
