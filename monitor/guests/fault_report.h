/* What a crash looks like to whoever sent the request, for guests without a library OS of ours. */
#ifndef MAYFLY_MONITOR_FAULT_REPORT_H
#define MAYFLY_MONITOR_FAULT_REPORT_H

struct guest_fault;
struct slot;

/* The request ends as a crash by that exception, with a report of it and the registers. */
void guest_report_fault(struct slot *slot, const struct guest_fault *fault);

/* The same for a guest that does what it may not, with a signal that Linux would have sent, and what
 * that was, in words behind "NAME was stopped: ". */
void guest_report_stop(struct slot *slot, int signal, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
