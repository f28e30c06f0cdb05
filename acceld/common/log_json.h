/* Lines of the log as JSON, one object on each:
 *
 *     {"time":"2026-01-31T12:00:00.123Z","program":"mayfly-acceld","level":"warning","message":"…",
 *      "tenant":"shop","op":"NOOP","session":1}
 *
 * The last three are there where the line is about an op. */
#ifndef MAYFLY_ACCELD_LOG_JSON_H
#define MAYFLY_ACCELD_LOG_JSON_H

#include <stdint.h>

/* From now on the log is written so, to standard error. `program` must outlive it. */
void log_json_start(const char *program);

/* What this thread's lines are about, until it is set again; "" and 0: no op. The texts are copied, cut
 * at 63 bytes. Costs next to nothing where the log is text. */
void log_json_set_op(const char *tenant, const char *op, int64_t session);

#endif
