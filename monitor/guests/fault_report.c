/* Reports of crashes; see fault_report.h. */
#include "fault_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "monitor/slot/slot.h"
#include "monitor/x86_64/exceptions.h"

#define REGISTERS_MAX 1024

void guest_report_fault(struct slot *slot, const struct guest_fault *fault)
{
	struct request_result *result = slot->result;
	char registers[REGISTERS_MAX];
	bool mapped;
	const char *access = exception_access(fault, &mapped);
	exception_describe_registers(registers, sizeof(registers), fault);
	result->outcome = OUTCOME_CRASHED;
	result->status = exception_signal(fault->vector);
	int length = snprintf(result->report, sizeof(result->report), "%s crashed: %s", slot->name,
			      exception_name(fault->vector));
	if (access)
		length += snprintf(result->report + length, sizeof(result->report) - (size_t)length,
				   " %s %#lx", access, fault->address);
	snprintf(result->report + length, sizeof(result->report) - (size_t)length, " (rip %#lx)%s",
		 fault->rip, registers);
}

void guest_report_stop(struct slot *slot, int signal, const char *format, ...)
{
	struct request_result *result = slot->result;
	va_list arguments;
	result->outcome = OUTCOME_CRASHED;
	result->status = signal;
	int length =
	    snprintf(result->report, sizeof(result->report), "%s was stopped: ", slot->name);
	va_start(arguments, format);
	vsnprintf(result->report + length, sizeof(result->report) - (size_t)length, format,
		  arguments);
	va_end(arguments);
}
