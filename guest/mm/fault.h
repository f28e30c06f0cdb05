/* Pages for the mapping area, when they are first touched. */
#ifndef MAYFLY_GUEST_FAULT_H
#define MAYFLY_GUEST_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Gives a page to `address` (any alignment), which was touched in the way that `access` says.
 * False: the program may not do that, or its file has nothing there. If no memory is left, the program ends here. */
bool vma_fault(uint64_t address, uint32_t access);

/* Gives all of [start, end), which is mapped and may be accessed, pages at once. */
void vma_populate(uint64_t start, uint64_t end);

/* Gives pages to what lies beside touched memory, as far as some can be spared: the program is
 * about to be frozen, and a request that goes on where the set-up stopped need not fault. */
void vma_fault_ahead(void);

#endif
