/* The trace of system calls: what the records say, and when they leave the guest. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "arch/registers.h"
#include "guest/kernel/dispatch.h"
#include "guest/machine/hypercall.h"
#include "guest/sched/process.h"
#include "host_machine.h"
#include "tests/check.h"

#define RECORD_SIZE sizeof(struct guest_trace_record)

static int64_t dispatch(uint64_t number, uint64_t first, uint64_t second, uint64_t third)
{
	struct system_call_frame frame = {.number = number, .arguments = {first, second, third}};
	libos_dispatch(&frame);
	return (int64_t)frame.number;
}

static const struct guest_trace_record *record_at(uint64_t offset)
{
	return (const void *)(GUEST_WINDOW_BASE + WINDOW_TRACE_OFFSET + offset);
}

/* The data behind a record that has one piece of it. */
static const char *data_of(const struct guest_trace_record *record, struct guest_trace_data *data)
{
	const char *place = (const char *)(record + 1);
	memcpy(data, place, sizeof(*data));
	return place + sizeof(*data);
}

static void clear_trace(void)
{
	machine_control()->trace_length = 0;
	machine_control()->trace_taken++;
}

static void test_off(void)
{
	machine_control()->trace = 0;
	CHECK_NUMBER(dispatch(SYS_getpid, 0, 0, 0), PROCESS_FIRST_ID);
	CHECK_NUMBER(machine_control()->trace_length, 0);
	machine_control()->trace = 1;
}

static void test_records(void)
{
	struct guest_trace_data data;
	uint64_t path = host_text("/tmp/traced"), text = host_text("0123456789");
	int64_t file = dispatch(SYS_open, path, O_CREAT | O_RDWR, 0600);
	const struct guest_trace_record *record = record_at(0);
	CHECK_NUMBER(record->kind, GUEST_TRACE_RETURNED);
	CHECK_NUMBER(record->number, SYS_open);
	CHECK_NUMBER(record->result, file);
	CHECK_NUMBER(record->thread, PROCESS_FIRST_ID);
	CHECK_NUMBER(record->arguments[0], path);
	CHECK_NUMBER(record->arguments[2], 0600);
	CHECK(record->begin_ns && record->end_ns >= record->begin_ns);
	CHECK(!memcmp(data_of(record, &data), "/tmp/traced", 11));
	CHECK_NUMBER(data.argument, 0);
	CHECK_NUMBER(data.length, 11);
	CHECK_NUMBER(data.more, 0);
	CHECK_NUMBER(record->size, machine_control()->trace_length);

	/* A second record lies behind the first; what is long is cut. */
	uint64_t second = record->size;
	char *many = host_memory(100);
	memset(many, 'x', 100);
	CHECK_NUMBER(dispatch(SYS_write, (uint64_t)file, ADDRESS(many), 100), 100);
	record = record_at(second);
	CHECK_NUMBER(record->result, 100);
	CHECK(!memcmp(data_of(record, &data), many, GUEST_TRACE_BYTES_MAX));
	CHECK_NUMBER(data.length, GUEST_TRACE_BYTES_MAX);
	CHECK_NUMBER(data.more, 1);

	/* What a call writes is seen when it returns. */
	CHECK_NUMBER(dispatch(SYS_lseek, (uint64_t)file, 0, SEEK_SET), 0);
	uint64_t third = machine_control()->trace_length;
	CHECK_NUMBER(dispatch(SYS_read, (uint64_t)file, text, 5), 5);
	CHECK(!memcmp(data_of(record_at(third), &data), "xxxxx", 5));
	CHECK_NUMBER(data.argument, 1);
	CHECK_NUMBER(data.length, 5);
	clear_trace();
}

static void test_bad_pointers(void)
{
	CHECK_NUMBER(dispatch(SYS_open, 8, O_RDONLY, 0), -EFAULT);
	CHECK_NUMBER(record_at(0)->size, RECORD_SIZE);
	CHECK_NUMBER(record_at(0)->result, -EFAULT);
	CHECK_NUMBER(dispatch(SYS_write, 1, UINT64_MAX - 3, 100), -EFAULT);
	CHECK_NUMBER(record_at(RECORD_SIZE)->size, RECORD_SIZE);
	clear_trace();
}

static void test_no_return(void)
{
	if (!setjmp(host.at_end))
		dispatch(SYS_exit_group, 3, 0, 0);
	CHECK_NUMBER(host.ended, 1);
	CHECK_NUMBER(record_at(0)->kind, GUEST_TRACE_CALLED);
	CHECK_NUMBER(record_at(0)->number, SYS_exit_group);
	CHECK_NUMBER(machine_control()->trace_length, RECORD_SIZE);
	clear_trace();
}

/* The first read freezes the machine: its clones find an empty area. */
static void test_resumed(void)
{
	struct guest_trace_data data;
	char *buffer = host_memory(64);
	host.request = "request";
	host.request_length = host.request_part = 7;
	CHECK_NUMBER(dispatch(SYS_read, 0, ADDRESS(buffer), 64), 7);
	CHECK_NUMBER(host.freezes, 1);
	CHECK_NUMBER(record_at(0)->kind, GUEST_TRACE_RESUMED);
	CHECK_NUMBER(record_at(0)->result, 7);
	CHECK(!memcmp(data_of(record_at(0), &data), "request", 7));
	CHECK_NUMBER(machine_control()->trace_length, record_at(0)->size);
	clear_trace();
}

static void test_full(void)
{
	const uint64_t calls = 10 * WINDOW_TRACE_SIZE / RECORD_SIZE;
	int before = host.traces;
	for (uint64_t i = 0; i < calls; i++) {
		dispatch(SYS_getpid, 0, 0, 0);
		if (!CHECK(machine_control()->trace_length <= WINDOW_TRACE_SIZE))
			return;
	}
	CHECK(host.traces >= before + 10);
	CHECK(host.traces <= before + 12);
}

int main(void)
{
	host_start(256);
	test_off();
	test_records();
	test_bad_pointers();
	test_no_return();
	test_resumed();
	test_full();
	return check_status();
}
