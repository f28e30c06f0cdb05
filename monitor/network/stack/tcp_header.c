/* TCP headers (RFC 9293, section 3.1). */
#include "bytes.h"
#include "tcp.h"

#define OPTION_END	  0
#define OPTION_NONE	  1
#define OPTION_SIZE_LIMIT 2
#define SIZE_LIMIT_LENGTH 4

/* The segment size among options; 0: there is none. */
static uint16_t find_size_limit(const uint8_t *options, size_t length)
{
	for (size_t at = 0; at < length && options[at] != OPTION_END;) {
		if (options[at] == OPTION_NONE) {
			at++;
			continue;
		}
		if (length - at < 2 || options[at + 1] < 2 || options[at + 1] > length - at)
			return 0;
		if (options[at] == OPTION_SIZE_LIMIT && options[at + 1] == SIZE_LIMIT_LENGTH)
			return bytes_get16(options + at + 2);
		at += options[at + 1];
	}
	return 0;
}

bool tcp_read(struct tcp_segment *segment, const uint8_t *data, size_t length)
{
	if (length < TCP_HEAD_SIZE)
		return false;
	const size_t head = (size_t)(data[12] >> 4) * 4;
	if (head < TCP_HEAD_SIZE || head > length)
		return false;
	*segment = (struct tcp_segment){
	    .peer_port = bytes_get16(data),
	    .own_port = bytes_get16(data + 2),
	    .sequence = bytes_get32(data + 4),
	    .acknowledgement = bytes_get32(data + 8),
	    .flags = data[13],
	    .window = bytes_get16(data + 14),
	    .size_limit = find_size_limit(data + TCP_HEAD_SIZE, head - TCP_HEAD_SIZE),
	    .data = data + head,
	    .length = length - head,
	};
	return true;
}

size_t tcp_write(const struct tcp_segment *segment, uint8_t *out)
{
	const size_t head = TCP_HEAD_SIZE + (segment->size_limit ? SIZE_LIMIT_LENGTH : 0);
	bytes_put16(out, segment->own_port);
	bytes_put16(out + 2, segment->peer_port);
	bytes_put32(out + 4, segment->sequence);
	bytes_put32(out + 8, segment->acknowledgement);
	out[12] = (uint8_t)(head / 4 << 4);
	out[13] = segment->flags;
	bytes_put16(out + 14, segment->window);
	bytes_put32(out + 16, 0); /* the checksum, and no urgent data */
	if (segment->size_limit) {
		out[20] = OPTION_SIZE_LIMIT;
		out[21] = SIZE_LIMIT_LENGTH;
		bytes_put16(out + 22, segment->size_limit);
	}
	return head;
}

bool tcp_refuse(const struct tcp_segment *segment, struct tcp_segment *reset)
{
	if (segment->flags & TCP_RST)
		return false;
	*reset = (struct tcp_segment){
	    .own_port = segment->own_port, .peer_port = segment->peer_port, .flags = TCP_RST};
	if (segment->flags & TCP_ACK) {
		reset->sequence = segment->acknowledgement;
		return true;
	}
	reset->flags |= TCP_ACK;
	reset->acknowledgement = segment->sequence + (uint32_t)segment->length +
				 !!(segment->flags & TCP_SYN) + !!(segment->flags & TCP_FIN);
	return true;
}
