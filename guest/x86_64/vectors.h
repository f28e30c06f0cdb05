/* The processor's vector state as XSAVE writes it. */
#ifndef MAYFLY_GUEST_VECTORS_H
#define MAYFLY_GUEST_VECTORS_H

#include <stdint.h>

/* The components that are saved and restored (XSTATE_BV bits). */
extern uint32_t vector_state_mask;

/* Bytes that vector_state_save() writes. */
uint32_t vector_state_size(void);

/* Which components they hold. */
uint64_t vector_state_components(void);

/* `state` is aligned to 64 bytes. See entry.S. */
void vector_state_save(void *state);
void vector_state_load(const void *state);

#endif
