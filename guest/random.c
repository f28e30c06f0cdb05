/* Randomness: ChaCha20 (RFC 8439) keyed with 32 bytes that the monitor draws for each clone. After
 * each use the key is replaced by fresh key stream, so that what was handed out cannot be found
 * again in memory. */
#include "libos.h"

#include <errno.h>
#include <sys/random.h>

#include "calls.h"
#include "text.h"

static uint32_t random_key[8];

static inline uint32_t rotate(uint32_t value, int bits)
{
	return value << bits | value >> (32 - bits);
}

static inline void quarter_round(uint32_t *s, int a, int b, int c, int d)
{
	s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 7);
}

static void chacha20_block(const uint32_t key[8], uint64_t counter, uint32_t out[16])
{
	uint32_t input[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	memcpy(input + 4, key, 32);
	input[12] = (uint32_t)counter;
	input[13] = (uint32_t)(counter >> 32);
	memcpy(out, input, sizeof(input));
	for (int round = 0; round < 10; round++) {
		quarter_round(out, 0, 4, 8, 12);
		quarter_round(out, 1, 5, 9, 13);
		quarter_round(out, 2, 6, 10, 14);
		quarter_round(out, 3, 7, 11, 15);
		quarter_round(out, 0, 5, 10, 15);
		quarter_round(out, 1, 6, 11, 12);
		quarter_round(out, 2, 7, 8, 13);
		quarter_round(out, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		out[i] += input[i];
}

void random_reseed(void)
{
	volatile struct guest_control *control = machine_control();
	uint8_t *key = (uint8_t *)random_key;
	for (int i = 0; i < GUEST_ENTROPY_SIZE; i++) {
		key[i] ^= control->entropy[i];
		control->entropy[i] = 0;
	}
}

void random_bytes(void *out, size_t length)
{
	uint32_t block[16];
	uint64_t counter = 1;
	uint8_t *next = out;
	while (length) {
		size_t part = length < sizeof(block) ? length : sizeof(block);
		chacha20_block(random_key, counter++, block);
		memcpy(next, block, part);
		next += part;
		length -= part;
	}
	chacha20_block(random_key, 0, block);
	memcpy(random_key, block, sizeof(random_key));
	memset(block, 0, sizeof(block));
}

int64_t call_getrandom(const uint64_t arguments[6])
{
	uint64_t length = arguments[1], flags = arguments[2];
	if (flags & ~(uint64_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if (length > INT32_MAX)
		length = INT32_MAX;
	if (!user_writable(arguments[0], length))
		return -EFAULT;
	random_bytes((void *)arguments[0], length);
	return (int64_t)length;
}
