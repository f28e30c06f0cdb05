/* What needs no system call but a machine that is whole: floating point, vectors, setjmp, thread
 * pointers, qsort, deep stacks, environment. */
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local int thread_local_value = 41;
static jmp_buf jump;

static int compare(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	return (a > b) - (a < b);
}

static unsigned descend(unsigned depth)
{
	volatile char room[512];
	room[depth % sizeof(room)] = (char)depth;
	return depth ? descend(depth - 1) + (unsigned)room[depth % sizeof(room)] % 2 : 0;
}

__attribute__((noreturn)) static void leap(int value)
{
	longjmp(jump, value);
}

static void sort_numbers(void)
{
	static uint32_t numbers[20000];
	uint32_t state = 1;
	for (size_t i = 0; i < 20000; i++)
		numbers[i] = state = state * 1664525 + 1013904223;
	qsort(numbers, 20000, sizeof(numbers[0]), compare);
	unsigned wrong = 0;
	for (size_t i = 1; i < 20000; i++)
		wrong += numbers[i - 1] > numbers[i];
	printf("sorted: %u wrong, %u first, %u last\n", wrong, numbers[0], numbers[19999]);
}

static void compute_floats(void)
{
	double sum = 0;
	for (int i = 1; i < 100000; i++)
		sum += sin(i) * sqrt(i) / log(i + 1.0);
	printf("%.12g %.12g %.12Lg\n", sum, pow(2, 0.5), 1.0L / 3);
	printf("%g %g %d\n", 1 / 0.0, fmod(-7, 3), isnan(sqrt(-1)) != 0);
	float vectors[64];
	for (int i = 0; i < 64; i++)
		vectors[i] = (float)i * 1.5f;
	float total = 0;
	for (int i = 0; i < 64; i++)
		total += vectors[i] * vectors[63 - i];
	printf("%g %g\n", (double)total, strtod("1.25e2", NULL));
}

int main(void)
{
	volatile int rounds = 0;
	int value = setjmp(jump);
	if (rounds++ < 3)
		leap(rounds * 10);
	printf("jumped: %d after %d rounds\n", value, rounds);
	thread_local_value++;
	printf("thread local: %d\n", thread_local_value);
	printf("deep: %d\n", descend(1000) > 0);
	sort_numbers();
	compute_floats();
	setenv("NAME", "value", 1);
	printf("%s\n", getenv("NAME"));
	return 0;
}
