/* Requests to a worker, its messages and responses, and what they should be, for tests. */
#ifndef MAYFLY_TESTS_WORKER_TALK_H
#define MAYFLY_TESTS_WORKER_TALK_H

#include "gateway/worker_peer.h"

/* Opens a connection for one request. `headers`: lines. */
int ask(unsigned port, const char *line, const char *headers, const char *body);

/* The whole response, to be freed. */
char *hear(int client);
const char *body_of(const char *response);
unsigned status_of(const char *response);
bool has_line(const char *response, const char *line);

/* A record as text, "name=value …", to be freed. Fields that differ each time are left out. */
char *record_text_of(const uint8_t *data, size_t length);

/* The next message, of that kind. */
bool expect(struct peer *peer, unsigned kind, struct link_message *message);

/* A LINK_COMMAND of that record, in which %NAME is COMMAND_NAME's number; the call's number. */
uint64_t expect_command(struct peer *peer, const char *record);

/* LINK_FINISHED, whose block is given back. */
void expect_finished(struct peer *peer, uint64_t id, unsigned code);

/* Answers with a record, which is released; with a status and a sentence. */
void answer_with(struct peer *peer, uint64_t id, struct record *record);
void answer_code(struct peer *peer, uint64_t id, unsigned code, const char *text);

/* How many checks of these failed. */
unsigned talk_failures(void);

#endif
