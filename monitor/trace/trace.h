/* The trace of a guest's system calls: takes the records out of the window and hands them on as
 * lines of text. Internal to the monitor. */
#ifndef MAYFLY_MONITOR_TRACE_H
#define MAYFLY_MONITOR_TRACE_H

#include "monitor/slot/slot.h"

/* Begins a request: tells the guest whether its calls are wanted. The clock of the control page is
 * filled; times count from there. */
void trace_begin(struct slot *slot);

/* Hands on what is in the trace area, and empties it. */
void trace_take(struct slot *slot);

/* The same at the end of a run, and a line that says how it ended. */
void trace_finish(struct slot *slot, enum slot_end end);

#endif
