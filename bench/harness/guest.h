/* A program in machines of its own: what the cases measure requests with. */
#ifndef MAYFLY_BENCH_GUEST_H
#define MAYFLY_BENCH_GUEST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/monitor.h"
#include "util/error.h"

#define GUEST_RESPONSE_MAX (1u << 20)

/* Must not move between guest_open() and guest_close(): requests point into it. */
struct guest {
	struct monitor *monitor;
	struct slot *slot;
	struct request request;
	size_t response_length;
	uint8_t *response; /* of the last request, GUEST_RESPONSE_MAX bytes */
};

struct guest_program {
	const char *part; /* below the build directory, such as "functions/hello", or: */
	const char *path;
	const char *arguments[4]; /* after the program's name; NULL ends them */
	const void *input;	  /* the request's body, which must outlive the guest */
	size_t input_length;
	uint64_t memory;      /* bytes; 0: 64 MiB */
	const char *root;     /* the image that `path` is in; NULL: none */
	const char *variable; /* the program's environment, NAME=VALUE; NULL: none */
	bool warm_up;	      /* with `input` */
};

/* Loads the program under `isolation`, runs its set-up, and opens its slot. *guest can be closed
 * whatever comes back. */
int guest_open(struct guest *guest, const struct guest_program *program, const char *isolation,
	       struct error *error);
void guest_close(struct guest *guest);

/* One request in the guest's slot, or in another of its monitor. A program that does not exit with
 * status 0 is an error. */
int guest_serve(struct guest *guest, struct error *error);
int guest_serve_in(struct guest *guest, struct slot *slot, struct error *error);

/* bench_measure of one request: clone, run and reset. `context` is the struct guest. */
int guest_measure_request(void *context, double *ns, struct error *error);

/* bench_measure for programs that time themselves: the number that their response begins with. */
int guest_measure_response(void *context, double *ns, struct error *error);

#endif
