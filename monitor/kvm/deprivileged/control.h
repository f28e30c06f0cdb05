/* Control, debug and model-specific registers of a deprivileged kernel, by its instructions. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_CONTROL_H
#define MAYFLY_MONITOR_DEPRIVILEGED_CONTROL_H

#include "emulation.h"

enum emulation_result control_move(struct kernel *kernel, struct emulation *emulation);
enum emulation_result control_clear_task_switched(struct kernel *kernel,
						  struct emulation *emulation);
enum emulation_result control_set_extended(struct kernel *kernel, struct emulation *emulation);
enum emulation_result control_read_model(struct kernel *kernel, struct emulation *emulation);
enum emulation_result control_write_model(struct kernel *kernel, struct emulation *emulation);
enum emulation_result control_swap_gs(struct kernel *kernel, struct emulation *emulation);

#endif
