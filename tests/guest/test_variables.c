/* Entries of the environment that wait for variables of a request, whatever became of them. */
#include <elf.h>

#include "guest/kernel/variables.h"
#include "guest/machine/hypercall.h"
#include "guest/sched/process.h"
#include "host_machine.h"
#include "tests/check.h"

#define ROOM  4
#define AREA  (GUEST_WINDOW_BASE + WINDOW_VARIABLES_OFFSET)
#define REST  (AREA + GUEST_VARIABLES_REST)
#define PLACE GUEST_VARIABLE_PLACE

enum { OWN = 2, FIRST = 1 + 1 + 1 + OWN, VECTOR = FIRST + ROOM + 1, WORDS = VECTOR + 6 };

static uint64_t *stack;

/* A count, an argument, variables of its own and places, and a vector of three entries. */
static void build(void)
{
	const uint64_t words[WORDS] = {1,
				       host_text("program"),
				       0,
				       host_text("A=1"),
				       host_text("B=2"),
				       AREA,
				       AREA + PLACE,
				       AREA + 2 * PLACE,
				       AREA + 3 * PLACE,
				       0,
				       AT_PAGESZ,
				       4096,
				       AT_CLKTCK,
				       100,
				       AT_NULL,
				       0};
	stack = host_memory(sizeof(words));
	memcpy(stack, words, sizeof(words));
	process_first.start.stack = (uint64_t)stack;
	process_first.start.variables = (uint64_t)(stack + FIRST);
	libos_start_info.variables_room = ROOM;
	process_first.start.auxiliary = (uint64_t)(stack + VECTOR);
	memset((void *)AREA, 0, WINDOW_VARIABLES_SIZE);
	machine_control()->variable_count = 0;
	machine_control()->serving = 1;
}

static void put(uint64_t address, const char *text)
{
	memcpy((void *)address, text, strlen(text) + 1);
}

/* Two that are short, and between them one that is not. */
static void bring_three(void)
{
	put(AREA, "X=1");
	put(REST, "LONG=...");
	put(AREA + 2 * PLACE, "Y=2");
	machine_control()->variable_count = 3;
}

static void check_entries(size_t from, const uint64_t *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		CHECK_NUMBER(stack[from + i], wanted[i]);
}

static void test_resume(void)
{
	build();
	bring_three();
	variables_resume();
	check_entries(FIRST, (uint64_t[]){AREA, REST, AREA + 2 * PLACE, 0, 0, AT_PAGESZ}, 6);
	CHECK_NUMBER(process_first.start.auxiliary, (uint64_t)(stack + VECTOR));
	build();
	variables_resume();
	check_entries(FIRST, (uint64_t[]){0, AREA + PLACE}, 2);
	/* One of its own was removed. */
	build();
	bring_three();
	memmove(stack + FIRST - 2, stack + FIRST - 1, (ROOM + 2) * sizeof(*stack));
	variables_resume();
	check_entries(FIRST - 1, (uint64_t[]){AREA, REST, AREA + 2 * PLACE, 0}, 4);
}

/* Nothing else on the stack is touched, whatever stands there. */
static void test_overwritten(void)
{
	uint64_t before[WORDS];
	build();
	bring_three();
	memset(stack, 0x55, WORDS * sizeof(*stack));
	memcpy(before, stack, sizeof(before));
	variables_resume();
	CHECK(!memcmp(stack, before, sizeof(before)));
	process_first.start.variables = 8;
	process_first.start.stack = 0;
	variables_resume();
	process_first.start.variables = UINT64_MAX - 7;
	variables_resume();
}

static void test_bounds(void)
{
	/* More than there is room for, which the monitor does not say. */
	build();
	bring_three();
	machine_control()->variable_count = UINT64_MAX;
	variables_resume();
	check_entries(FIRST, (uint64_t[]){AREA, REST, AREA + 2 * PLACE}, 3);
	CHECK_NUMBER(stack[FIRST + ROOM], 0);
	CHECK_NUMBER(stack[VECTOR], AT_PAGESZ);
	/* A long one that does not end. */
	build();
	memset((void *)REST, 'x', GUEST_VARIABLES_REST_MAX);
	machine_control()->variable_count = 3;
	variables_resume();
	check_entries(FIRST, (uint64_t[]){REST, AREA + PLACE, AREA + 2 * PLACE, 0}, 4);
}

static void test_start(void)
{
	build();
	bring_three();
	machine_control()->serving = 0;
	variables_start();
	check_entries(FIRST, (uint64_t[]){AREA, AREA + PLACE, AREA + 2 * PLACE, AREA + 3 * PLACE},
		      4);
	machine_control()->serving = 1;
	variables_start();
	check_entries(FIRST,
		      (uint64_t[]){AREA, REST, AREA + 2 * PLACE, 0, AT_PAGESZ, 4096, AT_CLKTCK, 100,
				   AT_NULL, 0},
		      10);
	CHECK_NUMBER(process_first.start.auxiliary, (uint64_t)(stack + FIRST + 4));
	/* As many as there is room for. */
	build();
	for (uint64_t i = 0; i < ROOM; i++)
		put(AREA + i * PLACE, "X=1");
	machine_control()->variable_count = ROOM;
	variables_start();
	CHECK_NUMBER(process_first.start.auxiliary, (uint64_t)(stack + VECTOR));
	/* A vector without an end. */
	build();
	for (size_t i = VECTOR; i < WORDS; i++)
		stack[i] = AT_IGNORE;
	process_first.start.auxiliary = UINT64_MAX - 15;
	variables_start();
}

int main(void)
{
	host_start(64);
	test_resume();
	test_overwritten();
	test_bounds();
	test_start();
	return check_status();
}
