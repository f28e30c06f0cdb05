/* One call of 9P, between the files that serve them: for nine_p*.c only. */
#ifndef MAYFLY_MONITOR_NINE_P_CALL_H
#define MAYFLY_MONITOR_NINE_P_CALL_H

#include "nine_p.h"
#include "nine_p_codec.h"

#define NINE_P_HEADER_SIZE 7UL /* length, type and tag */
#define NINE_P_READ_HEADER (NINE_P_HEADER_SIZE + 4)

struct nine_p_call {
	struct nine_p *session;
	struct root_client *files;
	uint64_t deadline_ns;
	struct nine_p_reader in;  /* the rest of the message */
	struct nine_p_writer out; /* the rest of its answer */
	struct root_answer answer;
	uint8_t *extra; /* links' targets and lists: ROOT_WIRE_ENTRIES_MAX bytes */
};

/* Asks the server: 0, or a positive errno; the answer is in call->answer. */
int nine_p_ask(struct nine_p_call *call, enum root_operation operation, const char *path,
	       uint64_t offset, uint64_t length, void *extra);
int nine_p_look(struct nine_p_call *call, const char *path);

/* Puts what a file is known by: its kind, no version, and a number of its own. */
void nine_p_put_qid(struct nine_p_writer *out, uint32_t mode, uint64_t device, uint64_t inode);
/* Of the file that was looked at last. */
void nine_p_put_status_qid(struct nine_p_call *call);

/* The fid that the message names next; NULL: there is none. */
struct nine_p_fid *nine_p_take_fid(struct nine_p_call *call);

/* Each serves a message, and returns 0 or a positive errno. */
int nine_p_open(struct nine_p_call *call);
int nine_p_read(struct nine_p_call *call);
int nine_p_readlink(struct nine_p_call *call);
int nine_p_getattr(struct nine_p_call *call);
int nine_p_statfs(struct nine_p_call *call);
int nine_p_fsync(struct nine_p_call *call);
int nine_p_readdir(struct nine_p_call *call);

#endif
