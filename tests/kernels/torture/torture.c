/* The torture kernel: asks the processor for all that a unikernel relies on, and prints what it sees.
 * test_torture.c compares the lines with torture.txt. */
#include "torture.h"
#include "kernel.h"

void kernel_main(uint64_t number);

static void torture_ports(void)
{
	static const char text[] = "a string by REP OUTSB\n";
	const char *from = text;
	uint64_t count = sizeof(text) - 1;
	uint32_t wide;
	uint16_t word;
	uint8_t bytes[4] = {0};
	uint8_t *to = bytes;
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(PORT_CONSOLE) : "memory");
	show("characters left", count);
	show("moved", (uint64_t)(from - text));
	__asm__ volatile("mov $0x1234567812345678, %%rax; inl %w1, %%eax; mov %%eax, %0"
			 : "=r"(wide)
			 : "d"(0x510)
			 : "rax");
	show("in of 32 bits", wide);
	__asm__ volatile("inw %w1, %0" : "=a"(word) : "d"(0x510));
	show("in of 16 bits", word);
	count = sizeof(bytes);
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(0x510) : "memory");
	show("string read", *(uint32_t *)bytes);
	count = 0;
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(PORT_CONSOLE) : "memory");
}

/* The number: whether the processor loses shadows of STI at times. */
void kernel_main(uint64_t number)
{
	static const struct {
		const char *name;
		void (*part)(void);
	} parts[] = {
	    {"descriptors", torture_descriptors},
	    {"control registers", torture_control},
	    {"model-specific registers", torture_models},
	    {"exceptions", torture_exceptions},
	    {"nested exceptions", torture_nested},
	    {"flags", torture_flags},
	    {"interrupts", torture_interrupts},
	    {"paging", torture_paging},
	    {"rights", torture_rights},
	    {"ports", torture_ports},
	};
	loses_shadows = number != 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		print("--- ");
		print(parts[i].name);
		print("\n");
		parts[i].part();
	}
	print("--- end\n");
	end(0);
}
