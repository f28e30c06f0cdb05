/* What a process that has been taken over might try, for tests of what it can. */
#ifndef MAYFLY_TESTS_ATTACK_H
#define MAYFLY_TESTS_ATTACK_H

#include <stddef.h>

/* Tries many ways to open files, to make memory that nobody counts, to reach other processes and to
 * get more rights. Writes "descriptors N, succeeded: NAME NAME…". Returns 0. */
int attack_all(char *text, size_t size);

#endif
