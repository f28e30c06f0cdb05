/* IN, OUT and their string forms of a deprivileged kernel. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_PORT_IO_H
#define MAYFLY_MONITOR_DEPRIVILEGED_PORT_IO_H

#include "emulation.h"

enum emulation_result port_read_or_write(struct kernel *kernel, struct emulation *emulation);
enum emulation_result port_string(struct kernel *kernel, struct emulation *emulation);

/* What was read is in deprivileged.data: puts it where it belongs. False, with the exception, where
 * that has become impossible. */
bool port_finish(struct kernel *kernel, struct exception *exception);

/* The kernel has trapped at an OUT of EAX: counts that, and rewrites the instruction where it makes calls,
 * does so often, and can be rewritten (call_sites.c). */
void call_sites_note(struct kernel *kernel);

#endif
