/* The channel between a front and its monitor: what they say to each other, and how.
 *
 * A front (lib/function) and a monitor (monitor/server) talk over pairs of sockets
 * (SOCK_SEQPACKET), a packet for each message:
 *
 *     control   one for each monitor: how its start went, slots to open, requests to cancel
 *     broker    one for each monitor: what the monitor can no longer do itself and asks the front
 *               for, one question and one answer at a time
 *     slot      one for each slot: requests, and what becomes of them
 *
 * Only what a message describes goes through a socket. Bodies of requests and responses lie in the
 * slot's window, which both map. The kernel copies a message, so that it cannot change while it is
 * looked at; the window can.
 *
 * A monitor may have been taken over by its guest: the front believes nothing that it says. The
 * other way round messages are checked against mistakes only.
 */
#ifndef MAYFLY_CHANNEL_H
#define MAYFLY_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define CHANNEL_MAGIC	0x4d46u /* "MF" */
#define CHANNEL_VERSION 6u

#define CHANNEL_SLOTS_MAX 1024 /* of one monitor */

/* Descriptors of a monitor when it starts; 0 to 2 are the streams of its function. */
enum channel_descriptor {
	CHANNEL_INPUT,
	CHANNEL_OUTPUT,
	CHANNEL_LOG,
	CHANNEL_CONTROL,
	CHANNEL_BROKER,
	CHANNEL_DESCRIPTION, /* a memory file, see description.h */
	CHANNEL_TRACE,	     /* /dev/null where nobody wants one; so with the next */
	CHANNEL_SAVE,
	CHANNEL_LEARNED_BEFORE, /* a file of what CHANNEL_LEARNED once brought */
	CHANNEL_DESCRIPTORS,
};

enum channel_kind {
	/* control, from the monitor. All have a text where `result` is not 0. */
	CHANNEL_OPENED = 1, /* length, serial: memory and processes it may take; CHANNEL_KVM,
			     * and how the guest runs in it */
	CHANNEL_STARTED,    /* the pidfd of the confined process comes along */

	/* control, from the front */
	/* The directory of a control group comes along, where there is one; else there is a text
	 * why not. CHANNEL_FINAL: without one it cannot start. CHANNEL_FOLLOW. */
	CHANNEL_CONFINE = 16,
	CHANNEL_OPEN_SLOT, /* slot: its number; its socket comes along; CHANNEL_FREE: open it */
	CHANNEL_CANCEL,	   /* slot, serial: of the request that is to end */
	CHANNEL_SIGNAL,	   /* slot, serial: of the request; length: a signal for its program */

	/* broker: a question of the monitor, and the answer under the same kind */
	CHANNEL_DIAL = 32,  /* until_ns; the answer brings a socket */
	CHANNEL_REVIVE,	    /* the answer brings socket, life and memory of a root_connection */
	CHANNEL_DIAL_VSOCK, /* length: a port of the host; the answer brings a socket */

	/* slot, from the front */
	CHANNEL_PREPARE = 48, /* run the set-up; with CHANNEL_STREAMS it may answer this request */
	CHANNEL_SERVE,
	CHANNEL_GO_ON, /* the answer to CHANNEL_PART, perhaps after a while; serial: of the request */
	/* The answer to CHANNEL_MORE. length: so much lies in the request area; CHANNEL_FINAL.
	 * result: -EAGAIN: nothing does yet, and another answer follows; -ECANCELED: nobody wants
	 * the request any more. */
	CHANNEL_FED,

	/* slot, from the monitor */
	CHANNEL_READY = 64, /* a request may come; the window comes along where it is a new one */
	/* flags: CHANNEL_FROZEN, CHANNEL_LISTENS; length: how many variables a request may bring; result, text: it
	 * failed */
	CHANNEL_PREPARED,
	CHANNEL_MORE,	 /* the request area is used up, and the front's until CHANNEL_FED */
	CHANNEL_LEARNED, /* a memory file of CHANNEL_LEARNED_MAX bytes at most comes along */
	CHANNEL_ENOUGH,	 /* no more is read: answer the last CHANNEL_MORE, unless that is done */
	CHANNEL_PART,	 /* length: the response area has so much, which is not the end */
	CHANNEL_DONE,	 /* the request is over; length: of the rest of its response */
	CHANNEL_FAILED,	 /* the slot is lost, and with it the request, if there is one */
};

enum channel_flag {
	CHANNEL_TEXT = 1,	   /* a text follows the message in the same packet */
	CHANNEL_KVM = 2,	   /* the isolation is kvm; else process */
	CHANNEL_STREAMS = 4,	   /* request and response are the function's streams */
	CHANNEL_FINAL = 8,	   /* nothing follows what is in the request area */
	CHANNEL_FROZEN = 16,	   /* there is a snapshot */
	CHANNEL_FREE = 32,	   /* the window may be used for the next request */
	CHANNEL_FIGURES = 64,	   /* figures of each repetition are wanted, or come along */
	CHANNEL_READER_GONE = 128, /* why it failed: nobody reads the output stream any more */
	CHANNEL_FOLLOW = 256,	   /* the thread that starts the monitor stays: end with it */
	CHANNEL_TRACE_CUT = 512,   /* lines of the trace could not be written */
	CHANNEL_SAVING = 1024,	   /* why it failed: the snapshot could not be written */
	CHANNEL_UNBUFFERED = 2048, /* the response is wanted as it is written */
	/* How the guest runs in its isolation; none of them: as one of the library OS. */
	CHANNEL_RING_0 = 4096,
	CHANNEL_DEPRIVILEGED = 8192,
	CHANNEL_DIRECT = 16384,	 /* it makes its system calls itself */
	CHANNEL_LISTENS = 32768, /* it waits for requests over connections */
};

/* What a monitor finds out, and only monitors read. */
#define CHANNEL_LEARNED_MAX 16384

/* How many descriptors a message brings at most. */
#define CHANNEL_PASSED_MAX 3

/* A request, as the front sends it. Times are of CLOCK_MONOTONIC. */
struct channel_request {
	uint64_t timeout_ns;  /* from when it is served */
	uint64_t deadline_ns; /* 0: none */
	uint64_t response_limit, log_limit;
	uint64_t repeat; /* how often it is served; more than once only with CHANNEL_STREAMS */
	uint64_t variable_count; /* in the window */
	uint64_t
	    lasts; /* timeout_ns begins anew with each part of its response, see MAYFLY_LASTING */
};

/* What became of a request. */
struct channel_result {
	uint32_t outcome; /* enum outcome of the monitor */
	int32_t status;
	int32_t first_status;		     /* of repetitions: the first that is not 0 */
	uint32_t pages;			     /* written */
	uint64_t clone_ns, run_ns, reset_ns; /* reset_ns: of the slot's request before */
	uint64_t ops, op_ns;
	uint64_t responded; /* bytes in all */
	uint64_t repeated;
	uint64_t private_bytes, shared_bytes; /* of repetitions; else 0 */
	uint32_t served_before;		      /* requests that its machine had served */
	uint32_t machines; /* of repetitions: so many began in a machine that had served none */
};

struct channel_message {
	uint16_t magic, version;
	uint16_t kind;	/* enum channel_kind */
	uint16_t flags; /* enum channel_flag */
	uint32_t slot;
	int32_t result; /* 0 or a negative errno */
	uint64_t serial;
	uint64_t length;
	union {
		uint64_t until_ns; /* of CHANNEL_DIAL */
		struct channel_request request;
		struct channel_result outcome;
	};
};
_Static_assert(sizeof(struct channel_message) == 128, "two cache lines, and the same everywhere");

/* How long the text after a message may be, with its NUL. */
#define CHANNEL_TEXT_MAX 4096

/* Times of one repetition: what a memory file of CHANNEL_FIGURES is a list of. */
struct channel_figures {
	uint64_t clone_ns, run_ns, reset_ns, ops, op_ns;
};

/* Sends a message, and `text` behind it where that is not NULL; magic, version and CHANNEL_TEXT are
 * filled in. `flags` as of sendmsg(2). 0; -EAGAIN with MSG_DONTWAIT where there is no room now;
 * -EPIPE where nobody is there. Descriptors stay the caller's. */
int channel_send(int socket, struct channel_message *message, const char *text,
		 const int *descriptors, size_t count, int flags);

/* Receives a message. Descriptors that came along are in descriptors[CHANNEL_PASSED_MAX], the rest
 * is -1. `text`, of CHANNEL_TEXT_MAX bytes, is filled where one comes along, else it is "". 0;
 * -EAGAIN with MSG_DONTWAIT; -EPIPE at the end; -EPROTO for what is no message of this version;
 * then nothing came. */
int channel_receive(int socket, struct channel_message *message, int *descriptors, char *text,
		    int flags);

/* Closes what came along. */
void channel_close_descriptors(const int *descriptors);

#endif
