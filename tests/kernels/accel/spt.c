/* Solo5's interface for the target spt: system calls. */
#include <linux/time_types.h>
#include <sys/syscall.h>

#include "monitor/guests/solo5/spt_abi.h"
#include "target.h"

NOTES(SOLO5_SPT);

static const struct spt_boot_info *boot;

static long call4(long number, long first, long second, long third, long fourth)
{
	register long r10 __asm__("r10") = fourth;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

static const struct manifest *manifest(void)
{
	return (const struct manifest *)boot->manifest;
}

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle,
				   struct solo5_block_info *info)
{
	return find_block(manifest(), name, handle, info);
}

static solo5_result_t transfer(long number, solo5_handle_t handle, solo5_off_t offset,
			       const uint8_t *data, size_t size)
{
	const int descriptor = (int)manifest()->entries[handle].backing;
	const long moved = call4(number, descriptor, (long)data, (long)size, (long)offset);
	return moved == (long)size ? SOLO5_R_OK : SOLO5_R_EUNSPEC;
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf,
				 size_t size)
{
	return transfer(SYS_pwrite64, handle, offset, buf, size);
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf,
				size_t size)
{
	return transfer(SYS_pread64, handle, offset, buf, size);
}

void solo5_console_write(const char *buf, size_t size)
{
	call4(SYS_write, 1, (long)buf, (long)size, 0);
}

solo5_time_t solo5_clock_wall(void)
{
	struct __kernel_timespec now = {0};
	call4(SYS_clock_gettime, 0, (long)&now, 0, 0);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

_Noreturn void solo5_exit(int status)
{
	for (;;)
		call4(SYS_exit_group, status, 0, 0, 0);
}

void _start(const struct spt_boot_info *given)
{
	boot = given;
	const struct solo5_start_info info = {(const char *)boot->command_line};
	solo5_exit(solo5_app_main(&info));
}
