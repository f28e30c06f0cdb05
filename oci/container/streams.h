/* The input and output of a program in its machine, and whoever has their other ends: standard input
 * and output of a container's process, or a connection. Nothing here waits. */
#ifndef MAYFLY_OCI_CONTAINER_STREAMS_H
#define MAYFLY_OCI_CONTAINER_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAMS_PIECE (64UL << 10)

struct streams {
	int from, to; /* descriptors, the caller's */
	size_t room;  /* the program takes so many bytes of input now; 0: it does not read */
	bool ended;   /* the program was told the input's end */
	uint8_t *input;
	size_t input_from, input_to; /* read, and not taken yet */
	bool at_end;		     /* nothing follows these */
	uint8_t *held;		     /* output that was not taken yet */
	size_t held_from, held_to, held_size;
	bool reader_gone;
};

void streams_init(struct streams *streams, int from, int to);
void streams_release(struct streams *streams);

/* Writes output, and keeps what nobody takes now. 0, MAYFLY_HOLD where something was kept, or
 * -EPIPE: nobody reads it any more. -ENOMEM. */
int streams_write(struct streams *streams, const void *data, size_t length);

bool streams_is_held(const struct streams *streams);

/* Writes what is kept, as far as it is taken now. True when nothing is left. */
bool streams_flush(struct streams *streams);

/* The descriptor to poll for input; -1: nobody wants any now. */
int streams_wants(const struct streams *streams);

/* There is input that was read before, and the program takes some. */
bool streams_has_kept(const struct streams *streams);

/* What of the input is to be handed to the program: up to as much as it takes, valid until
 * streams_note_fed(). */
void streams_read(struct streams *streams, const void **data, size_t *length, bool *last);

/* So much of that was taken; `result` of mayfly_function_feed(). */
void streams_note_fed(struct streams *streams, size_t taken, int result);

#endif
