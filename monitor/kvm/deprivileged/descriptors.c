/* The descriptors of a deprivileged kernel; see descriptors.h. */
#include "descriptors.h"

#include "address_space.h"

const char descriptors_short_code[] =
    "it enters code of 32 bits, which a kernel that runs deprivileged cannot (docs/unikernels.md)";

struct exception descriptors_fault(uint64_t selector)
{
	return exception_with_code(VECTOR_PROTECTION, (uint32_t)(selector & (SELECTOR_INDEX | 4)));
}

bool descriptors_read(struct kernel *kernel, uint64_t selector, uint64_t *descriptor,
		      struct exception *fault)
{
	const struct descriptor_table *gdt = &kernel_cpu(kernel)->gdt;
	*fault = descriptors_fault(selector);
	return selector & SELECTOR_INDEX && !(selector & SELECTOR_LOCAL) &&
	       (selector | 7) <= gdt->limit &&
	       space_read(kernel, gdt->base + (selector & SELECTOR_INDEX), descriptor, 8, fault);
}

enum code_kind descriptors_find_code(struct kernel *kernel, uint64_t selector,
				     struct exception *fault)
{
	uint64_t descriptor;
	if (!descriptors_read(kernel, selector, &descriptor, fault))
		return CODE_FAULTS;
	const uint64_t type = DESCRIPTOR_TYPE(descriptor);
	if ((type & DESCRIPTOR_CODE) != DESCRIPTOR_CODE ||
	    (descriptor & DESCRIPTOR_LEVEL && !(type & DESCRIPTOR_CONFORMING)))
		return CODE_FAULTS;
	if (!(descriptor & DESCRIPTOR_PRESENT)) {
		fault->vector = VECTOR_NOT_PRESENT;
		return CODE_FAULTS;
	}
	return descriptor & DESCRIPTOR_LONG ? CODE_LONG : CODE_SHORT;
}
