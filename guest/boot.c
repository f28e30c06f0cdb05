/* The first start of a machine: from entry.S to the program's first instruction. */
#include "libos.h"
#include "signals.h"

void libos_main(void);

void libos_main(void)
{
	machine_init();
	time_start();
	memory_init();
	random_reseed();
	files_init();
	signals_resume();
}
