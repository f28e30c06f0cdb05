#include "checksum.h"

#include <arpa/inet.h>
#include <string.h>

/* Words of 32 bits may be added in any order of their bytes, and folded at the end: ones' complement
 * does not mind (RFC 1071, section 2). The sum cannot overflow below 16 GiB. */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t length)
{
	uint32_t word;
	for (; length >= sizeof(word); data += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, data, length);
	return sum + word;
}

uint16_t checksum_finish(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ntohs((uint16_t)~sum);
}
