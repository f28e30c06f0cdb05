/* Hypercalls; see hypercall.h. */
#include "hypercall.h"

#include "arch/hypercall.h"
#include "guest/lib/large_data.h"

LARGE_DATA struct guest_start libos_start_info;

int64_t hypercall_make(enum guest_hypercall call, uint64_t first, uint64_t second, uint64_t third)
{
	volatile struct guest_control *control = machine_control();
	control->arguments[0] = first;
	control->arguments[1] = second;
	control->arguments[2] = third;
	control->hypercall = call;
	hypercall_enter();
	return control->result;
}
