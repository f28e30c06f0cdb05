/* What the server of a root directory gives up before it looks at its first request. */
#ifndef MAYFLY_ROOTD_CONFINE_H
#define MAYFLY_ROOTD_CONFINE_H

#include "confine/confine.h"

extern const struct confine_call rootd_calls[];
extern const size_t rootd_call_count;

/* Holds the process in: it can read below the descriptor `directory`, and answer, and no more. What
 * this machine does not offer is left out, and told by the report. 0, or a negative errno where the
 * directory cannot be entered. */
int rootd_confine(int directory, struct confine_report *report);

#endif
