/* Small guests for the privileged ring, for test_kernel.c; guests.S has them.
 *
 * They are copied to KERNEL_CODE. Their tables map the first 16 MiB as they are: the first 2 MiB by
 * pages of 4 KiB, of which one is read-only and one not executable. */
#ifndef MAYFLY_TESTS_KERNELS_GUESTS_H
#define MAYFLY_TESTS_KERNELS_GUESTS_H

#define KERNEL_ROOT	  0x2000 /* page tables: root, then three more */
#define KERNEL_CODE	  0x100000
#define KERNEL_ATTACKS	  0x120000
#define KERNEL_READ_ONLY  0x150000
#define KERNEL_NO_EXECUTE 0x151000
#define KERNEL_DATA	  0x160000 /* a page that counts and flags are in */
#define KERNEL_IDT	  0x161000
#define KERNEL_TSS	  0x162000
#define KERNEL_TABLES	  0x163000 /* pages for tables that a guest makes */
#define KERNEL_IST	  0x17f000 /* top of a stack for page faults */
#define KERNEL_STACK	  0x180000 /* top */
#define KERNEL_NOWHERE	  0x40000000
#define KERNEL_DEVICE	  0xd0000000

#define KERNEL_PORT	   0x42 /* what is reported, 32 bits at once */
#define KERNEL_PORT_READ   0x43
#define KERNEL_PORT_STRING 0x44
#define KERNEL_TIMER	   0x20 /* the vector of interrupts */

#ifndef __ASSEMBLER__

/* What they are copied from; each guest is a label in between. */
extern const char kernels_begin[], kernels_end[];
extern const char kernel_entry[], kernel_faults[], kernel_instructions[], kernel_segments[],
    kernel_strings[], kernel_paging[], kernel_device[], kernel_interrupts[], kernel_shadow[],
    kernel_spin[], kernel_count[], kernel_user[], kernel_halt[], kernel_bare_fault[],
    kernel_bad_stack[], kernel_wild_root[], kernel_circle[], kernel_bad_idt[], kernel_remap[],
    kernel_table_writer[], kernel_protected[], kernel_flags[], kernel_flags_end[],
    kernel_breakpoints[], kernel_breakpoints_end[], kernel_attacker[], kernel_fresh[],
    kernel_model[], kernel_instructions_end[], kernel_identify[], kernel_identify_end[],
    kernel_protected_end[], kernel_doorbell[], kernel_told[], kernel_marks[],
    kernel_device_writes[];

/* attacks.S: the same, and a list of them. */
extern const char attacks_begin[], attacks_end[];
extern const struct attack {
	unsigned offset;
	char name[60];
} attack_list[], attack_list_end[];

#endif
#endif
