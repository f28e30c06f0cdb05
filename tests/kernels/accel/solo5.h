/* The part of Solo5's interface for guests that guest.c and the client of the accelerator host use, as
 * Solo5's own solo5.h declares it; hvt.c and spt.c have it for the two targets. */
#ifndef SOLO5_H
#define SOLO5_H

#include <stddef.h>
#include <stdint.h>

typedef enum { SOLO5_R_OK, SOLO5_R_AGAIN, SOLO5_R_EINVAL, SOLO5_R_EUNSPEC } solo5_result_t;
typedef uint64_t solo5_handle_t;
typedef uint64_t solo5_off_t;
typedef uint64_t solo5_time_t;

struct solo5_block_info {
	solo5_off_t capacity, block_size;
};

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle,
				   struct solo5_block_info *info);
solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf,
				 size_t size);
solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf,
				size_t size);
void solo5_console_write(const char *buf, size_t size);
solo5_time_t solo5_clock_wall(void);
_Noreturn void solo5_exit(int status);

struct solo5_start_info {
	const char *cmdline;
};
int solo5_app_main(const struct solo5_start_info *info);

#endif
