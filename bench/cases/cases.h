/* The cases, by what they measure.
 *
 * Each set is opened before the run and adds its cases to the bench; what a machine lacks for a
 * case is left out there with the reason. It is closed when the run is over. Errors are for what
 * should have worked.
 */
#ifndef MAYFLY_BENCH_CASES_H
#define MAYFLY_BENCH_CASES_H

#include <stddef.h>
#include <stdint.h>

#include "harness/harness.h"
#include "harness/memory.h"

struct cases_settings {
	const char *isolation; /* "kvm" where it can be had, else "process" */
	bool kvm;
	const char *no_kvm;   /* why not, where `kvm` is false */
	const uint8_t *photo; /* NULL: there is none */
	size_t photo_length;
	const char *python; /* a folder of bench/run's with Python; NULL: there is none */
	const char *go;	    /* the program of bench/go; NULL: there is none */
};

/* Requests: clone, run and reset of small programs. */
struct request_cases;
int request_cases_open(struct request_cases **cases, struct bench *bench,
		       const struct cases_settings *settings, struct error *error);
void request_cases_close(struct request_cases *cases);

/* Requests through libmayfly. */
struct channel_cases;
int channel_cases_open(struct channel_cases **cases, struct bench *bench,
		       const struct cases_settings *settings, struct error *error);
void channel_cases_close(struct channel_cases *cases);

/* Requests that the command serves. */
struct command_cases;
int command_cases_open(struct command_cases **cases, struct bench *bench,
		       const struct cases_settings *settings, struct error *error);
void command_cases_close(struct command_cases *cases);

/* The same program as an ordinary process. */
struct process_cases;
int process_cases_open(struct process_cases **cases, struct bench *bench,
		       const struct cases_settings *settings, struct error *error);
void process_cases_close(struct process_cases *cases);

/* The same program in a container. */
struct container_cases;
int container_cases_open(struct container_cases **cases, struct bench *bench,
			 const struct cases_settings *settings, struct error *error);
void container_cases_close(struct container_cases *cases);

/* System calls that a program makes inside a machine and outside. */
struct system_call_cases;
int system_call_cases_open(struct system_call_cases **cases, struct bench *bench,
			   const struct cases_settings *settings, struct error *error);
void system_call_cases_close(struct system_call_cases *cases);

/* An unmodified program of Debian's on a large request, inside a machine and outside. */
struct digest_cases;
int digest_cases_open(struct digest_cases **cases, struct bench *bench,
		      const struct cases_settings *settings, struct error *error);
void digest_cases_close(struct digest_cases *cases);

/* A file of 100 MB, read inside and outside. */
struct read_cases;
int read_cases_open(struct read_cases **cases, struct bench *bench,
		    const struct cases_settings *settings, struct error *error);
void read_cases_close(struct read_cases *cases);

/* Scripts in Python: bare, with modules of the standard library, with numpy. */
struct python_cases;
int python_cases_open(struct python_cases **cases, struct bench *bench,
		      const struct cases_settings *settings, struct error *error);
void python_cases_close(struct python_cases *cases);

/* 1000 idle slots of the script with numpy; left out with its reason where there is none. */
int python_measure_memory(struct bench *bench, const struct cases_settings *settings,
			  struct memory_row rows[MEMORY_ROWS_MAX], size_t *count,
			  struct error *error);

/* A program in Go: hello, and work for the processor. */
struct go_cases;
int go_cases_open(struct go_cases **cases, struct bench *bench,
		  const struct cases_settings *settings, struct error *error);
void go_cases_close(struct go_cases *cases);

/* Accelerated calls that cost next to nothing by themselves. */
struct call_cases;
int call_cases_open(struct call_cases **cases, struct bench *bench,
		    const struct cases_settings *settings, struct error *error);
void call_cases_close(struct call_cases *cases);

/* Objects in a photograph: in a machine, in this process, and by ONNX Runtime alone. */
struct detect_cases;
int detect_cases_open(struct detect_cases **cases, struct bench *bench,
		      const struct cases_settings *settings, struct error *error);
void detect_cases_close(struct detect_cases *cases);

/* The version of ONNX Runtime in use; NULL where the detect cases are left out. */
const char *detect_cases_runtime(const struct detect_cases *cases);

#endif
