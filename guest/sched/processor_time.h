/* Processor time: what the program and each of its threads used, waits and sleeps left out. */
#ifndef MAYFLY_GUEST_PROCESSOR_TIME_H
#define MAYFLY_GUEST_PROCESSOR_TIME_H

#include <stdint.h>

struct process;
struct thread;

/* What the current process used, another one, all together, and one thread; nanoseconds. */
uint64_t processor_time(void);
uint64_t processor_time_of_process(const struct process *process);
uint64_t processor_time_of_all(void);
uint64_t processor_time_of(const struct thread *thread);

/* The program is about to be frozen; a machine or a clone begins. */
void processor_time_stop(void);
void processor_time_start(void);

/* Another thread is about to run. */
void processor_time_switch(struct thread *from, const struct thread *to);

/* Of clocks of processor time, also those that name a process or a thread. 0 or -EINVAL. */
int processor_clock_read(uint32_t clock, uint64_t *nanoseconds);

/* Whose clock that is: 0 for the current process, or a thread's id. 0 or -EINVAL. */
int processor_clock_find(uint32_t clock, int32_t *id);

/* What that clock of the process has used; 0 for a thread that has ended. */
uint64_t processor_time_used(const struct process *process, int32_t id);

/* The monotonic time at which it will have used that much, where `thread` runs from now on;
 * NO_DEADLINE: never, as it is another thread's. */
uint64_t processor_time_until(const struct thread *thread, int32_t id, uint64_t used_ns);

/* Waits until it shows that much; results as thread_wait(). */
int processor_clock_wait(uint32_t clock, uint64_t until_ns);

#endif
