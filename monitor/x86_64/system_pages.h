/* The system pages of an x86-64 guest of ring 3: descriptor tables, exception stubs, the hypercall
 * page. They lie at the start of an image; the kernel is told of them by the registers of a virtual
 * CPU (kvm/x86_64/registers.c).
 * References: Intel SDM volume 3, chapters 3 to 6; docs/guest-abi.md for what PVM does otherwise.
 */
#ifndef MAYFLY_MONITOR_SYSTEM_PAGES_H
#define MAYFLY_MONITOR_SYSTEM_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/memory/image.h"
#include "monitor/memory/ports.h"

/* The system pages. */
#define GDT_OFFSET	   0x0000UL
#define TSS_OFFSET	   0x1000UL
#define IDT_OFFSET	   0x2000UL
#define STUBS_OFFSET	   0x3000UL
#define STACK_OFFSET	   0x4000UL /* ring-0 stack of the exception stubs: one page */
#define SYSTEM_SUPERVISOR  0x5000UL /* pages up to here are ring 0's */
#define HYPERCALL_OFFSET   0x5000UL
#define SYSTEM_ADDRESS(at) (GUEST_SYSTEM_BASE + (at))

#define SELECTOR_KERNEL_CODE 0x10
#define SELECTOR_USER_DATA   0x2b
#define SELECTOR_USER_CODE   0x33
#define SELECTOR_TSS	     0x40

#define TSS_BITMAP_OFFSET 0x68
#define TSS_BITMAP_SIZE	  (PORTS_MAX / 8 + 1)
#define TSS_LIMIT	  (TSS_BITMAP_OFFSET + TSS_BITMAP_SIZE - 1)

/* Ports: the hypercall page writes to one, exception stub n to another + n. */
#define SYSTEM_PORT_HYPERCALL 0x10
#define SYSTEM_PORT_EXCEPTION 0x20
#define SYSTEM_EXCEPTIONS     32

/* RFLAGS of a guest: IOPL 3 (SVM under emulation wants it for port I/O; PVM goes by the TSS's
 * bitmap alone), IF, and the bit that is always one. */
#define SYSTEM_RFLAGS 0x3202UL

/* Reads a byte at each of rcx (not 0) addresses, a list at rsi, then stops as a hypercall does. */
#define SYSTEM_TOUCH (GUEST_HYPERCALL + 0x40)

/* Fills the system pages. */
void system_pages_build(uint8_t *memory, const struct port_set *ports);

/* True where these are what system_pages_build() makes, but for the stubs' stack. */
bool system_pages_are_sound(const uint8_t *memory, const struct port_set *ports);

/* True where one of these ports is the hypercall page's or a stub's. */
bool system_pages_use_ports(const struct port_set *ports);

/* The exception frame that the processor pushed in ring 0, found at `rsp`. Fills error code, rip,
 * rsp and rflags of *fault; its vector must be set. */
void system_pages_read_frame(const uint8_t *memory, uint64_t size, uint64_t rsp,
			     struct guest_fault *fault);

#endif
