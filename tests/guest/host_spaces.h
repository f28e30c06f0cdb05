/* Pages at the places where the library OS puts them, in several address spaces: hypercalls as the
 * monitor serves them. The process has one address space, so what is not in the current one waits
 * elsewhere. */
#ifndef MAYFLY_TESTS_GUEST_HOST_SPACES_H
#define MAYFLY_TESTS_GUEST_HOST_SPACES_H

#include <stdint.h>

/* The program's region, in the first space. */
#define HOST_USER_BASE 0x10000000UL
#define HOST_USER_SIZE 0x4000000UL

int64_t host_map(uint64_t address, uint64_t source, uint64_t length, uint32_t protection);
int64_t host_protect(uint64_t address, uint64_t length, uint64_t protection);
int64_t host_unmap(uint64_t address, uint64_t length);
int64_t host_space(uint64_t operation, uint64_t number, uint64_t count);

#endif
