/* Loops around ports. A driver without interrupts looks at a status and moves a byte, again and again:
 * each access is a trap, which costs more than what is between two of them. So the monitor does the
 * few plain instructions from one access to the next itself, as far as it knows them, and the guest is
 * entered again where it does something else. Behind the access by which a handler tells the interrupt
 * controller that it is done come a few instructions, too, and then IRET. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_PORT_LOOP_H
#define MAYFLY_MONITOR_DEPRIVILEGED_PORT_LOOP_H

#include "virtual_cpu.h"

struct port_loop;

/* What is known of instructions; NULL: no memory. For port_loop_release(). */
struct port_loop *port_loop_create(struct error *error);
void port_loop_release(struct port_loop *loop);

/* Goes on from RIP; true where the next instruction is one that traps: an access to a port, or IRET.
 * Registers and flags are those of that place, or of where it did not know on. */
bool port_loop_go_on(struct kernel *kernel, struct port_loop *loop);

#endif
