/* A generator of random numbers as Unikraft has it: ChaCha, in a variable of the kernel, that is seeded
 * once. Its seed is the same in each guest here, so that all that differs is the monitor's. */
#include "guest.h"

#define UART	 0x3f8
#define RECEIVED 0x01

struct generator {
	int k;
	uint32_t input[16], output[16];
};
static struct generator generator;

static const uint32_t sigma[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

static uint32_t rotate(uint32_t value, int count)
{
	return value << count | value >> (32 - count);
}

static void quarter(uint32_t *x, int a, int b, int c, int d)
{
	x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

static void make_block(void)
{
	uint32_t *x = generator.output;
	for (int i = 0; i < 16; i++)
		x[i] = generator.input[i];
	for (int i = 0; i < 8; i += 2) {
		for (int k = 0; k < 4; k++)
			quarter(x, k, 4 + k, 8 + k, 12 + k);
		for (int k = 0; k < 4; k++)
			quarter(x, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
	}
	for (int i = 0; i < 16; i++)
		x[i] += generator.input[i];
}

static uint32_t draw(void)
{
	for (;;) {
		make_block();
		generator.input[12]++;
		if (generator.k < 16)
			return generator.output[generator.k++];
		generator.k = 0;
	}
}

static void seed(void)
{
	for (int i = 0; i < 4; i++)
		generator.input[i] = sigma[i];
	for (int i = 4; i < 12; i++)
		generator.input[i] = 0x01010101U * (unsigned)i;
	generator.k = 16;
}

/* A number of the set-up, and some of the request. */
void do_random(const struct told *told)
{
	(void)told;
	seed();
	say_number(draw(), 16);
	while (!(in8(UART + 5) & RECEIVED))
		;
	while (in8(UART + 5) & RECEIVED)
		in8(UART);
	for (int i = 0; i < 4; i++) {
		say(" ");
		say_number(draw(), 16);
	}
}
