/* The first process, which the monitor starts the program in: what each room keeps for it lies in the
 * library OS's image. */
#include "guest/fs/descriptors.h"
#include "guest/fs/path.h"
#include "guest/fs/syscalls/transfer.h"
#include "guest/mm/space.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "guest/signal/signals.h"
#include "guest/time/timers.h"

struct process process_first = {
    .id = PROCESS_FIRST_ID,
    .group = PROCESS_FIRST_ID,
    .session = PROCESS_FIRST_ID,
    .memory = &address_space_of_first,
    .first_thread = &thread_of_first_process,
    .thread_count = 1,
    .signal_actions = &signal_actions_of_first,
    .timers = &timers_of_first,
    .paths = &paths_of_first,
    .descriptors = &descriptors_of_first,
    .transfers = &transfers_of_first,
};
