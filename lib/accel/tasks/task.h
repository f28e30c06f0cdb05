/* Tasks (mayfly/tasks.h), as the library's life sees them. */
#ifndef MAYFLY_ACCEL_TASKS_TASK_H
#define MAYFLY_ACCEL_TASKS_TASK_H

/* Ends the threads of tasks: what still runs is cancelled and waited for. */
void tasks_shut_down(void);

#endif
