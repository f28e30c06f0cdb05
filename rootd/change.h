/* Requests that change what is below a writable part of the directory. */
#ifndef MAYFLY_ROOTD_CHANGE_H
#define MAYFLY_ROOTD_CHANGE_H

#include "query.h"

/* Does what the request says, with `extra` as what is to be written. 0 or a negative errno: -EROFS
 * outside of writable parts, -EXDEV from one to another. */
int serve_change(const struct query *query, struct root_answer *answer, const uint8_t *extra);

#endif
