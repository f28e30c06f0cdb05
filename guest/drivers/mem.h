/* /dev/null and its kind. */
#ifndef MAYFLY_GUEST_MEM_H
#define MAYFLY_GUEST_MEM_H

/* Puts them into /dev. */
void mem_init(void);

#endif
