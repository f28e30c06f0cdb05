/* Descriptor tables, selectors and far transfers of a deprivileged kernel, by its instructions. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_SEGMENTS_H
#define MAYFLY_MONITOR_DEPRIVILEGED_SEGMENTS_H

#include "emulation.h"

enum emulation_result segments_load_table(struct kernel *kernel, struct emulation *emulation);
enum emulation_result segments_load_task(struct kernel *kernel, struct emulation *emulation);
enum emulation_result segments_load_local(struct kernel *kernel, struct emulation *emulation);
enum emulation_result segments_move(struct kernel *kernel, struct emulation *emulation);
enum emulation_result segments_pop(struct kernel *kernel, struct emulation *emulation);
enum emulation_result segments_far_return(struct kernel *kernel, struct emulation *emulation);
enum emulation_result segments_far_jump(struct kernel *kernel, struct emulation *emulation);
enum emulation_result segments_interrupt_return(struct kernel *kernel, struct emulation *emulation);

#endif
