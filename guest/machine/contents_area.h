/* The window's area for contents: its users take turns, and each finds what it left there only if no
 * other came in between. */
#ifndef MAYFLY_GUEST_CONTENTS_AREA_H
#define MAYFLY_GUEST_CONTENTS_AREA_H

#include <stdbool.h>

/* The area, which is from now on that of `user`: any address that no other names. */
char *contents_area_take(const void *user);

/* Nobody else has taken it since `user` did. */
bool contents_area_is_of(const void *user);

#endif
