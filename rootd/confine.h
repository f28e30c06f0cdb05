/* What the server of a root directory gives up before it looks at its first request. */
#ifndef MAYFLY_ROOTD_CONFINE_H
#define MAYFLY_ROOTD_CONFINE_H

#include "confine/confine.h"
#include "root_server/shares.h"

extern const struct confine_call rootd_calls[];
extern const size_t rootd_call_count;

/* The same, and what a server with writable parts needs. */
extern const struct confine_call rootd_writer_calls[];
extern const size_t rootd_writer_call_count;

/* Holds the process in: it can read below the descriptor `directory`, write below those of writable
 * parts, as `user` may if root started it, and answer, and no more. Parts that the user may not write
 * become read-only. What this machine does not offer is left out, and told by the report. 0, or a negative
 * errno where the directory cannot be entered, or the user not be had. */
int rootd_confine(int directory, struct root_shares *shares, const struct root_user *user,
		  struct confine_report *report);

#endif
