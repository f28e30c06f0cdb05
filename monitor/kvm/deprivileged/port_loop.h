/* Loops around ports. A driver without interrupts looks at a status and moves a byte, again and again:
 * each access is a trap, which costs more than what is between two of them. So the monitor does the
 * few plain instructions from one access to the next itself, as far as it knows them, and the guest is
 * entered again where it does something else. Behind the access by which a handler tells the interrupt
 * controller that it is done come a few instructions, too, and then IRET; and behind the one that reads
 * why a device interrupts, one that tells the device so. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_PORT_LOOP_H
#define MAYFLY_MONITOR_DEPRIVILEGED_PORT_LOOP_H

#include "instruction.h"
#include "virtual_cpu.h"

struct port_loop;

enum port_loop_end {
	PORT_LOOP_ENTER,  /* the guest does the next instruction itself */
	PORT_LOOP_TRAPS,  /* it is one that traps: an access to a port, or IRET */
	PORT_LOOP_STORES, /* the last one wrote to a device's memory: *access tells */
};

/* What is known of instructions; NULL: no memory. For port_loop_release(). */
struct port_loop *port_loop_create(struct error *error);
void port_loop_release(struct port_loop *loop);

/* The instruction at `address`, decoded once for each content of that place. NULL: there is none, or
 * what follows it is no code. Valid until the next call. */
const struct instruction *port_loop_fetch(struct kernel *kernel, struct port_loop *loop,
					  uint64_t address);

/* Goes on from RIP, as far as it knows on. Registers and flags are those of where it ends. */
enum port_loop_end port_loop_go_on(struct kernel *kernel, struct port_loop *loop,
				   struct machine_access *access);

#endif
