/* Solo5's interface for the target hvt: hypercalls by ports. */
#include "target.h"

NOTES(SOLO5_HVT);

static const struct solo5_boot *boot;

static void call(enum solo5_hypercall number, volatile void *arguments)
{
	const uint32_t address = (uint32_t)(uintptr_t)arguments;
	const uint16_t port = (uint16_t)(SOLO5_PORT + number);
	__asm__ volatile("outl %0, %1" : : "a"(address), "d"(port) : "memory");
}

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle,
				   struct solo5_block_info *info)
{
	return find_block((const void *)(uintptr_t)boot->manifest, name, handle, info);
}

static solo5_result_t transfer(enum solo5_hypercall number, solo5_handle_t handle,
			       solo5_off_t offset, const uint8_t *data, size_t size)
{
	volatile struct solo5_block_call arguments = {
	    .handle = handle,
	    .offset = offset,
	    .data = (uintptr_t)data,
	    .length = size,
	};
	call(number, &arguments);
	return (solo5_result_t)arguments.result;
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf,
				 size_t size)
{
	return transfer(SOLO5_BLOCK_WRITE, handle, offset, buf, size);
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf,
				size_t size)
{
	return transfer(SOLO5_BLOCK_READ, handle, offset, buf, size);
}

void solo5_console_write(const char *buf, size_t size)
{
	volatile struct solo5_puts puts = {.data = (uintptr_t)buf, .length = size};
	call(SOLO5_PUTS, &puts);
}

solo5_time_t solo5_clock_wall(void)
{
	volatile struct solo5_walltime time = {0};
	call(SOLO5_WALLTIME, &time);
	return time.ns;
}

_Noreturn void solo5_exit(int status)
{
	volatile struct solo5_halt halt = {.status = status};
	for (;;)
		call(SOLO5_HALT, &halt);
}

void _start(const struct solo5_boot *given)
{
	boot = given;
	const struct solo5_start_info info = {(const char *)(uintptr_t)boot->command_line};
	solo5_exit(solo5_app_main(&info));
}
