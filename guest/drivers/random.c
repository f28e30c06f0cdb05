/* Randomness; see random.h: ChaCha20 (RFC 8439) keyed with 32 bytes that the monitor draws for
 * each clone. After each use the key is replaced by fresh key stream, so that what was handed
 * out cannot be found again in memory. */
#include "random.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/sysmacros.h>

#include "guest/fs/file.h"
#include "guest/fs/tree.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/user_memory.h"

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

SYSTEM_CALL(getrandom)
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

/* ── the devices ─────────────────────────────────────────────────────────────────────────────── */

static int64_t read_random(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	random_bytes(out, length);
	return (int64_t)length;
}

static int64_t write_nowhere(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return (int64_t)length;
}

static uint32_t poll_random(struct file *file)
{
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static const struct file_operations random_operations = {
    .read = read_random,
    .write = write_nowhere,
    .poll = poll_random,
    .positioned = true,
};

void random_init(void)
{
	tree_add_device(tree_devices(), "random", S_IFCHR | 0666, makedev(1, 8),
			&random_operations);
	tree_add_device(tree_devices(), "urandom", S_IFCHR | 0666, makedev(1, 9),
			&random_operations);
}
