/* The library's end, for the build that ends with its process. */
#ifndef MAYFLY_ACCEL_LIBRARY_CORE_H
#define MAYFLY_ACCEL_LIBRARY_CORE_H

/* As vaccel_cleanup(), but leaves sessions and resources of the program as they are. */
void library_shut_down(void);

#endif
