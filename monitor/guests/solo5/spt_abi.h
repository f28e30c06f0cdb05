/* What a Solo5 spt guest of ABI version 2 finds when it begins: in RDI the address of struct
 * spt_boot_info, behind it the manifest and the command line. Numbers are the processor's,
 * addresses the guest's and the process's alike. */
#ifndef MAYFLY_MONITOR_SOLO5_SPT_ABI_H
#define MAYFLY_MONITOR_SOLO5_SPT_ABI_H

#include <stddef.h>
#include <stdint.h>

#define SPT_BOOT_INFO 0x11000UL

/* What the epoll set tells of the timer; of a network device it tells the handle. */
#define SPT_TIMER_DATA 0xfffffffeUL

struct spt_boot_info {
	uint64_t memory_size;
	uint64_t image_end; /* the first page behind the image */
	uint64_t command_line;
	uint64_t manifest;
	int32_t epoll, timer; /* descriptors */
};

_Static_assert(offsetof(struct spt_boot_info, epoll) == 32, "guests read it there");
_Static_assert(sizeof(struct spt_boot_info) == 40, "guests know its size");

#endif
