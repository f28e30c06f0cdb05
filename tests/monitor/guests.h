/* Small guests for tests of isolations; guests.S has them. */
#ifndef MAYFLY_TESTS_MONITOR_GUESTS_H
#define MAYFLY_TESTS_MONITOR_GUESTS_H

#define GUESTS_PROGRAM	 0x400000
#define GUESTS_DATA_SIZE 0x10000

#ifndef __ASSEMBLER__

/* What they are copied from; each guest is a label in between. */
extern const char guests_begin[], guests_end[];
extern const char guest_echo[], guest_count[], guest_resumed[], guest_keep[], guest_system_call[],
    guest_many_system_calls[], guest_system_call_entry[], guest_read_null[],
    guest_invalid_instruction[], guest_write_code[], guest_execute_data[], guest_divide[],
    guest_breakpoint[], guest_interrupt[], guest_noncanonical[], guest_privileged[], guest_spin[],
    guest_touch[], guest_use[], guest_forbidden_call[], guest_forbidden_protection[],
    guest_forbidden_address[], guest_forbidden_descriptor[], guest_forbidden_growth[],
    guest_forbidden_target[], guest_forbidden_move[], guest_forbidden_reach[],
    guest_forbidden_mapping[], guest_forbidden_unmapping[], guest_unmap[], guest_flood[];

#endif
#endif
