/* What `mayfly-courier` may still do. */
#ifndef MAYFLY_GATEWAY_COURIER_RIGHTS_H
#define MAYFLY_GATEWAY_COURIER_RIGHTS_H

#include <stddef.h>

#include "confine/confine.h"

extern const struct confine_call courier_calls[];
extern const size_t courier_call_count;

/* Gives up all that calling others does not need. `certificates`: a file that it goes on reading; NULL:
 * none. */
void courier_confine(const char *certificates);

#endif
