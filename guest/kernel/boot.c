/* The first start of a machine: from the processor's entry to the program's first instruction. */
#include "boot.h"

#include "arch/thread_state.h"
#include "connection.h"
#include "guest/drivers/mem.h"
#include "guest/drivers/random.h"
#include "guest/exec/image.h"
#include "guest/fs/given_files.h"
#include "guest/fs/path.h"
#include "guest/fs/tree.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/pool.h"
#include "guest/proc/proc.h"
#include "guest/sched/identity.h"
#include "guest/sched/processor_time.h"
#include "guest/signal/signals.h"
#include "request.h"
#include "variables.h"

void libos_main(void);

void boot_files(void)
{
	tree_init();
	mem_init();
	random_init();
	proc_init();
	request_init();
	connection_init();
	given_files_init();
	path_enter(libos_start_info.directory);
}

void libos_main(void)
{
	thread_state_init();
	clock_start();
	processor_time_start();
	pool_init();
	random_reseed();
	identity_init();
	boot_files();
	exec_init();
	variables_start();
	signals_resume();
}
