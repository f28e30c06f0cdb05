/* libmayfly: running functions from any program.
 *
 *     mayfly_function_open()      from a description; nothing runs yet
 *     mayfly_function_start()     starts a monitor, which starts the program
 *     mayfly_function_submit()    hands over a request, from any thread
 *     mayfly_function_process()   does what there is to do, and makes the calls back
 *     mayfly_function_close()
 *
 * A function is driven by whoever polls mayfly_function_fd() and calls mayfly_function_process()
 * when it can be read, or by a thread of the library (MAYFLY_OWN_THREAD). Nothing here waits,
 * except mayfly_function_close(). All calls back come from there: from the thread that calls
 * mayfly_function_process(), or the library's own. They may call every function here but
 * mayfly_function_process() and mayfly_function_close(), and should be short.
 *
 * A function belongs to the process that opened it: in a child made by fork(2) calls return EPERM,
 * and mayfly_function_close() leaves the parent's alone.
 *
 * The library prints nothing, changes nothing that belongs to the whole process (signal handlers,
 * directory, umask) and needs no SIGCHLD: it waits only for its own children, by pidfd. A function
 * has children, so do not wait for any child (-1) while there is one.
 *
 * Functions return 0 or a negative errno, and then a sentence in *error where error is not NULL.
 * docs/embedding.md has a complete program.
 */
#ifndef MAYFLY_FUNCTION_H
#define MAYFLY_FUNCTION_H

#ifdef MAYFLY_HANDLER_H
#error                                                                                             \
    "mayfly/function.h is for what runs functions and mayfly/handler.h for functions: include one of them"
#endif

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAYFLY_EXPORT __attribute__((visibility("default")))

#define MAYFLY_ERROR_TEXT_MAX 1024

struct mayfly_error {
	int code; /* a positive errno; 0: nothing went wrong */
	char text[MAYFLY_ERROR_TEXT_MAX];
};

struct mayfly_event;
struct mayfly_function;

/* ── what is to run ──────────────────────────────────────────────────────────────────────────── */

enum mayfly_flag {
	/* The library drives the function by a thread of its own. */
	MAYFLY_OWN_THREAD = 1,
	/* The monitor gets the signals that a terminal sends to the caller's process group. */
	MAYFLY_IN_JOB = 2,
	/* This process may be moved into a control group beside the monitor's, where it could not
	 * make one otherwise. It stays there. */
	MAYFLY_MOVE_CGROUP = 4,
	/* The program may not use the accelerator host. */
	MAYFLY_NO_ACCELERATION = 8,
	/* Each request runs the program from its start: there is no set-up, and no snapshot. For
	 * programs that copy their variables when they start, as shells do. */
	MAYFLY_FRESH = 16,
	/* The monitor gets no control group of its own, and stays in this process': whoever made
	 * that one has set its limits. Goes without `cgroup` and `cpus`. */
	MAYFLY_STAY_IN_CGROUP = 32,
	/* The program runs as `user` and `group`. Not for a snapshot, whose program has started. */
	MAYFLY_AS_USER = 64,
	/* Programs may be sent signals (mayfly_function_signal()). So one that waits for ever is not
	 * ended for that, as it is else. */
	MAYFLY_SIGNALS = 128,
};

/* A file for the program. */
struct mayfly_file {
	const char *path; /* absolute, without "." and "..", not in /proc or /dev */
	const void *data;
	size_t length;
	unsigned mode; /* permissions, as 0400 */
};

/* Fill it in by mayfly_description_init() first. Pointers are needed only until
 * mayfly_function_open() returns; descriptors stay the caller's, and are needed until
 * mayfly_function_close(). */
struct mayfly_description {
	size_t size; /* of this structure, for versions that have more in it */
	/* What `mayfly run` takes: the name of an installed function, the path of a program, root
	 * image or snapshot, or a program in `root`. NULL: what the root names as its own. */
	const char *program;
	const char *root;		/* directory, archive or image; NULL: none */
	const char *directory;		/* of the root, where the program starts; NULL: as usual */
	const char *isolation;		/* "auto", "kvm" or "process" */
	const char *const *arguments;	/* behind the program's name; NULL-terminated, or NULL */
	const char *const *environment; /* NAME=VALUE, NULL-terminated, or NULL */
	uint64_t memory;		/* of the program, in bytes; 0: what suits most */
	/* A request that the set-up serves before the snapshot is taken. NULL: none. */
	const void *warm_up;
	size_t warm_up_length;
	uint64_t setup_timeout_ns; /* how long the set-up may take, until the request is read */
	uint64_t setup_log_limit;  /* bytes */
	/* Slots: how many are kept open in any case, and how many there may be at a time. Those
	 * above `warm_slots` are opened when requests wait, and closed when they idle. */
	unsigned warm_slots, slots;
	size_t queue_limit; /* how many requests may wait for a slot */
	/* The control group below which the monitor gets one of its own: a directory, or "self"
	 * for the one that this process is in. NULL: where that may be done, else none. */
	const char *cgroup;
	uint64_t cpus;	     /* thousandths of a processor; 0: no limit */
	uint64_t work_bytes; /* memory for what requests by streams take beside; UINT64_MAX: any */
	/* The function's streams: where the request and response of a MAYFLY_STREAMS request are,
	 * and where the program's standard error and the monitor's own messages go. -1: /dev/null.
	 */
	int input, output, log;
	int trace;	/* takes lines about the program's system calls; -1: nobody wants them */
	int save;	/* an empty file for the snapshot; -1: it is not kept */
	int log_level;	/* of the monitor's own messages: 0 nothing, 1 errors … 4 for debugging */
	unsigned flags; /* enum mayfly_flag */
	/* Told of what becomes of the function; may be NULL. */
	void (*event)(void *context, const struct mayfly_event *event);
	void *context;
	/* How many variables a request may bring: room for them is kept at the end of the program's
	 * environment. Up to 128; 0: none. A snapshot has the room that it was made with, whatever
	 * stands here, and flat images have none. */
	unsigned request_variables;
	/* Files that are there before the program starts, in place of what a root has under their
	 * names: up to 64, with 1 MiB together. Not for a snapshot (EINVAL), whose program has
	 * started already, nor for a flat image. docs/security.md says where their contents lie. */
	const struct mayfly_file *files;
	size_t file_count;
	/* A file, empty at first, for what a monitor finds out about the memory that requests use:
	 * a few KiB. Later monitors of the same program begin with that, and their first requests
	 * take less time. It only saves time, whatever stands there. -1: none. */
	int learned;
	/* How long finding and opening program, root or snapshot may take, until the set-up begins:
	 * an archive may have to be packed. 0: as long as it does. */
	uint64_t open_timeout_ns;
	/* What is behind the devices of a unikernel, as KIND:NAME=WHAT each, NULL-terminated, or
	 * NULL: "block:disk=FILE", "block-sector-size:disk=4096", "net:service=TAP" or
	 * "net:service=@N", where N is a descriptor of the caller's (up to 7 of these),
	 * "net-mac:service=02:00:00:00:00:01", and "9p:fs0=DIR". Files and interfaces are opened
	 * when the function is started. docs/unikernels.md says which devices guests have. */
	const char *const *devices;
	/* How many requests a machine may serve, one after the other, without being reset between them.
	 * For unikernels and kernels whose HTTP server has a state, or cannot be cloned: requests come by
	 * a network ("net:NAME=http"), and any other program is refused when it starts. Each sees what
	 * those before it have left. What fails, or takes too long, ends the machine. 0, 1: each request
	 * has a machine of its own. docs/unikernels.md tells more. */
	uint64_t reuse;
	/* With MAYFLY_AS_USER; else it is root, or whom the image of its root names. */
	uint32_t user, group;
	/* The name of its machine (uname(2)), up to 64 bytes; NULL: "mayfly". Not for a snapshot, nor
	 * for a unikernel. */
	const char *host_name;
	/* Parts of a root that is a directory: absolute paths of directories or files in it,
	 * NULL-terminated, or NULL. Below `writable` what the program changes reaches the host's files,
	 * and what others change there is seen; below `read_only` it can change nothing (EROFS), and
	 * elsewhere it writes to memory. The innermost counts; of the same path, read_only. Links in
	 * them are followed, in the root. Up to 64 together. EINVAL with any other root.
	 * docs/root-image.md tells more. */
	const char *const *writable, *const *read_only;
	/* The socket of an accelerator host that serves already, as a tenant has one (listen:
	 * seqpacket://, docs/tenants.md): it is connected to, and no host is started. NULL: the user's
	 * own, which is started where none runs. */
	const char *accelerator;
	/* Beside `group`, up to 64. With MAYFLY_AS_USER, where root starts the function, files of a
	 * root that is a directory are looked at and written as this user and these groups may. */
	const uint32_t *groups;
	size_t group_count;
};

/* `size` is sizeof(struct mayfly_description). Nothing is named, isolation is "auto", one slot is
 * kept warm and there is one at most, 1024 requests may wait, opening takes 10 minutes at most and
 * the set-up 30 s. */
MAYFLY_EXPORT void mayfly_description_init(struct mayfly_description *description, size_t size);

/* ── what becomes of it ──────────────────────────────────────────────────────────────────────── */

enum mayfly_event_kind {
	/* The program waits for its request, and was frozen there. */
	MAYFLY_PREPARED,
	/* The program ended without waiting for a request: each request runs it from its start.
	 * What it answered has been dropped, unless there was a MAYFLY_STREAMS request before the
	 * start. `outcome` and `status` tell how it ended. */
	MAYFLY_FINISHED,
	/* It cannot be started, or its monitor has died; requests that were under way have failed.
	 * It may be started again. */
	MAYFLY_DOWN,
	MAYFLY_DRAINED, /* after mayfly_function_drain(): no request is left */
	MAYFLY_STOPPED, /* after mayfly_function_stop(): there is no monitor any more */
};

enum mayfly_outcome {
	MAYFLY_EXITED,	  /* status: the program's */
	MAYFLY_SIGNALED,  /* status: the signal by which it ended itself */
	MAYFLY_CRASHED,	  /* status: the signal that Linux would have sent; text: a report */
	MAYFLY_DEADLINE,  /* it took too long; text: what was cut short, or "" */
	MAYFLY_LOST,	  /* its machine was killed from outside */
	MAYFLY_CANCELLED, /* by mayfly_function_cancel() */
	MAYFLY_FAILED,	  /* not the program's fault. error, text: why */
};

struct mayfly_event {
	enum mayfly_event_kind kind;
	enum mayfly_outcome outcome; /* MAYFLY_FINISHED */
	int status;
	int error;	  /* MAYFLY_DOWN: a negative errno */
	int saving;	  /* MAYFLY_DOWN: the snapshot could not be written */
	const char *text; /* a sentence, or "" */
	/* MAYFLY_PREPARED, MAYFLY_FINISHED: how many variables a request may bring. */
	unsigned request_variables;
	int listens; /* MAYFLY_PREPARED: it is a server, and waits for a connection */
};

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

enum mayfly_request_flag {
	/* Request and response are the function's streams, not `data` and `respond`. Where the
	 * function is not started yet, the set-up may answer it: a program that does not wait for
	 * its request has then run once. */
	MAYFLY_STREAMS = 1,
	/* Times of each repetition are wanted. */
	MAYFLY_FIGURES = 2,
	/* `data` is only the beginning: what follows it is handed over by mayfly_function_feed(),
	 * and the program waits for it where it reads on. */
	MAYFLY_FED = 4,
	/* What the program writes is handed to `respond` at each of its writes, not only when a
	 * MiB is full or the request is over. Costs two messages of the channel for each. */
	MAYFLY_UNBUFFERED = 8,
	/* timeout_ns is how long its response may take to begin; then it begins anew whenever
	 * `respond` is given a part, or the program what it was fed. So a stream may last. */
	MAYFLY_LASTING = 16,
};

/* What mayfly_request.respond may return beside 0 and errors. */
#define MAYFLY_HOLD 1

/* Times of one repetition, in nanoseconds. */
struct mayfly_figures {
	uint64_t clone_ns, run_ns, reset_ns, ops, op_ns;
};

struct mayfly_result {
	enum mayfly_outcome outcome;
	int status;
	int error;	    /* MAYFLY_FAILED: a negative errno; else 0 */
	const char *text;   /* valid during the call; "": there is nothing to say */
	uint64_t responded; /* bytes of the response in all */
	/* Nanoseconds: waiting for a slot; and in it. reset_ns is of the slot's request before. */
	uint64_t waited_ns, clone_ns, run_ns, reset_ns;
	uint64_t pages; /* written; 0 where not known */
	uint64_t ops, op_ns;
	int trace_cut; /* lines of the trace could not be written */
	/* MAYFLY_STREAMS only. */
	int reader_gone;		      /* why it failed: nobody reads the output any more */
	int first_status;		      /* of repetitions: the first that is not 0 */
	uint64_t repeated;		      /* how often it was served */
	uint64_t private_bytes, shared_bytes; /* memory of the slot, and of all slots together */
	int figures; /* a file of struct mayfly_figures, closed after the call; -1: none */
	uint64_t
	    served_before; /* requests that its machine had served (description.reuse); else 0 */
	/* MAYFLY_STREAMS only: so many of the repetitions began in a machine that had served none. */
	uint64_t machines;
};

/* Fill it in by mayfly_request_init() first. What it points to must stay until it is done. */
struct mayfly_request {
	size_t size; /* of this structure */
	const void *data;
	size_t length;
	uint64_t timeout_ns;  /* from when it is served */
	uint64_t deadline_ns; /* of CLOCK_MONOTONIC: waiting for a slot counts, too; 0: none */
	uint64_t response_limit, log_limit; /* bytes; 0: none */
	unsigned flags;			    /* enum mayfly_request_flag */
	uint64_t repeat;		    /* how often; more than once only by streams */
	/* Takes a part of the response, which lies in memory that the monitor can still write to:
	 * copy it before you interpret it. 0: go on. MAYFLY_HOLD: it was taken, and the program is
	 * to wait until mayfly_function_go_on() when it has more; its time goes on. Anything else:
	 * it is not wanted, and the request fails. NULL: the response is dropped. */
	int (*respond)(void *context, const void *data, size_t length);
	/* Told once, at the end of each request that was accepted. May be NULL. */
	void (*done)(void *context, const struct mayfly_result *result);
	void *context;
	/* What the program reads before `data`. */
	const void *head;
	size_t head_length;
	/* MAYFLY_FED: told when the program has read all that it was given and waits for more:
	 * mayfly_function_feed() then takes up to `room` bytes. What it takes within the call goes
	 * to the program when the call returns; after that, each time. May be NULL. */
	void (*wanted)(void *context, size_t room);
	/* Variables of the environment in which this request is served: NAME=VALUE,
	 * NULL-terminated; NULL: none. As many as the function has room for; what is longer than
	 * 255 bytes has 96 KiB together. Not by streams. docs/guest-abi.md says what programs see of
	 * them. */
	const char *const *variables;
};

/* `size` is sizeof(struct mayfly_request). No data; 30 s, a response of 1 GiB, a log of 64 MiB. */
MAYFLY_EXPORT void mayfly_request_init(struct mayfly_request *request, size_t size);

/* ── functions ───────────────────────────────────────────────────────────────────────────────── */

/* Checks and copies the description. Nothing is started or opened. EINVAL for what cannot be. */
MAYFLY_EXPORT int mayfly_function_open(struct mayfly_function **function,
				       const struct mayfly_description *description,
				       struct mayfly_error *error);

/* Ends everything, and waits until it has ended. Requests that are left are done, as failed, before
 * it returns. NULL is fine. Not from a call back, and nobody may use the function meanwhile. */
MAYFLY_EXPORT void mayfly_function_close(struct mayfly_function *function);

/* Has it started; an event tells how that went. Where it is still ending, it starts when it has
 * ended. EALREADY where it is started already. */
MAYFLY_EXPORT int mayfly_function_start(struct mayfly_function *function,
					struct mayfly_error *error);

/* A descriptor that can be read when mayfly_function_process() has something to do. It is the
 * function's. */
MAYFLY_EXPORT int mayfly_function_fd(const struct mayfly_function *function);

/* Does what there is to do, without waiting. EBUSY where another thread is at it. */
MAYFLY_EXPORT int mayfly_function_process(struct mayfly_function *function);

/* Hands over a request; *serial, where serial is not NULL, names it. Thread-safe. Before
 * mayfly_function_start() and until the function is prepared requests wait. EAGAIN where too many
 * wait, ESHUTDOWN where it is draining, stopped or down, E2BIG for too many variables, or too long
 * ones, EINVAL. A request that waits for the function to be prepared fails by E2BIG then, if its
 * variables are more than that has room for. */
MAYFLY_EXPORT int mayfly_function_submit(struct mayfly_function *function,
					 const struct mayfly_request *request, uint64_t *serial,
					 struct mayfly_error *error);

/* Hands over what follows in a request with MAYFLY_FED. What it takes is copied into the slot's
 * window before it returns; `last`: nothing follows these bytes (length 0: nothing follows at all).
 * 0: all was taken. EAGAIN: only *taken bytes were, where taken is not NULL, and `last` was not
 * heard; there is room again when `wanted` is called, and none as long as the request waits for a
 * slot. The program sleeps meanwhile, and the request keeps its time. ENOENT where there is no such
 * request any more, EINVAL for one that is not fed or whose last byte was handed over. Thread-safe,
 * but the bytes of one request are to come from one thread at a time: EBUSY. */
MAYFLY_EXPORT int mayfly_function_feed(struct mayfly_function *function, uint64_t serial,
				       const void *data, size_t length, int last, size_t *taken);

/* Ends a request soon: one that waits is done without having run, one that runs is stopped. It is
 * done as MAYFLY_CANCELLED, unless it has ended by itself meanwhile. Thread-safe. ENOENT where
 * there is no such request any more, ENOTSUP for one by streams that runs. */
MAYFLY_EXPORT int mayfly_function_cancel(struct mayfly_function *function, uint64_t serial);

/* Sends a signal (1 to 64) to the first process of the program that serves a request, as kill(2)
 * does: within 50 ms a handler runs, or the signal does what it does by default. The request then
 * ends as that process does. Thread-safe. ENOENT where the request is not served now (it waits, or is
 * done), ENOTSUP without MAYFLY_SIGNALS or for a request by streams, EINVAL. A unikernel does not
 * hear of it. */
MAYFLY_EXPORT int mayfly_function_signal(struct mayfly_function *function, uint64_t serial,
					 int signal);

/* Lets a program go on whose response was held back (MAYFLY_HOLD); also where `respond` has not
 * returned yet. Thread-safe. ENOENT where there is no such request any more. */
MAYFLY_EXPORT int mayfly_function_go_on(struct mayfly_function *function, uint64_t serial);

/* Changes how many slots are kept warm, and how many there may be: no more than the description
 * said, for which the monitor has memory. Thread-safe. EINVAL. */
MAYFLY_EXPORT int mayfly_function_set_slots(struct mayfly_function *function, unsigned warm_slots,
					    unsigned slots);

/* Takes no more requests; an event tells when those that were taken are done. Thread-safe. */
MAYFLY_EXPORT int mayfly_function_drain(struct mayfly_function *function);

/* Ends the monitor. Requests that are left fail with ECANCELED; an event tells when all has ended.
 * Then it may be started again. Takes back a mayfly_function_start() that waits for the end.
 * Thread-safe. EALREADY where it is not started. */
MAYFLY_EXPORT int mayfly_function_stop(struct mayfly_function *function);

/* "kvm" or "process"; "" as long as nobody knows. */
MAYFLY_EXPORT const char *mayfly_function_isolation(const struct mayfly_function *function);

/* How a unikernel or kernel runs in it: "ring 0", "deprivileged", or "direct" where it makes its
 * system calls itself, under process isolation; "" for other programs, and as long as nobody knows. */
MAYFLY_EXPORT const char *mayfly_function_way(const struct mayfly_function *function);

struct mayfly_statistics {
	size_t size;
	uint64_t submitted, waiting, running;
	/* Those that are done, by enum mayfly_outcome. */
	uint64_t exited, signaled, crashed, deadline, lost, cancelled, failed;
	uint64_t slots_open, slots_idle, slots_opened; /* slots_opened: ever */
	uint64_t starts, deaths;		       /* of monitors */
	uint64_t run_ns, waited_ns;		       /* of all that are done, together */
	int monitor;				       /* its process; 0: there is none */
};

/* `statistics->size` must be set. Thread-safe. */
MAYFLY_EXPORT void mayfly_function_statistics(struct mayfly_function *function,
					      struct mayfly_statistics *statistics);

/* Where the library itself says something at levels up to `level` (1 errors … 4 for debugging): a
 * descriptor. It is silent unless this is called; call it before anything else. */
MAYFLY_EXPORT void mayfly_set_log(int descriptor, int level);

#ifdef __cplusplus
}
#endif

#endif
