/* An image with the guests of guests.S, a window, and machines on them. */
#ifndef MAYFLY_TESTS_MONITOR_MACHINE_RIG_H
#define MAYFLY_TESTS_MONITOR_MACHINE_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "guests.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/page_tables.h"
#include "util/clock.h"

struct rig {
	const struct isolation *isolation;
	struct isolation_host *host;
	struct image image;
	struct machine_entries entries;
	struct window window;
	struct machine *machine; /* a clone of the image, or NULL */
};

/* What a run came to. */
struct stop {
	enum machine_stop why;
	struct guest_fault fault;
	struct machine_access access;
	uint64_t argument; /* of a hypercall */
};

static inline uint64_t rig_address(const char *guest)
{
	return GUEST_LIBOS_BASE + (uint64_t)(guest - guests_begin);
}

/* The main() of a test of one isolation, which the arguments name. */
static inline int rig_main(int argc, char **argv, void (*test)(const struct isolation *isolation))
{
	struct error error = {0};
	const struct isolation *isolation = isolation_choose(argc > 1 ? argv[1] : "auto", &error);
	if (!isolation) {
		fprintf(stderr, "skipped: %s\n", error.text);
		return CHECK_SKIPPED;
	}
	test(isolation);
	return check_status();
}

static inline void rig_report(const char *what, const struct error *error)
{
	fprintf(stderr, "%s: %s\n", what, error->text);
}

/* `root`: a root image of that size, or -1 and 0. `pool`: bytes of memory, at least GUESTS_DATA_SIZE. */
static inline bool rig_open_with(struct rig *rig, const struct isolation *isolation,
				 const char *start, int root, uint64_t root_size, uint64_t pool)
{
	struct error error = {0};
	const uint64_t code = (uint64_t)(guests_end - guests_begin + 4095) & ~4095UL;
	*rig = (struct rig){.isolation = isolation, .image.memfd = -1, .window.memfd = -1};
	int result =
	    image_create_with_root(&rig->image, code + pool + 4096, root, root_size, &error);
	if (!result)
		result = image_map(&rig->image, GUEST_LIBOS_BASE, code, GUEST_READ | GUEST_EXECUTE,
				   &error);
	if (!result)
		result =
		    image_map(&rig->image, GUEST_POOL_BASE, pool, GUEST_READ | GUEST_WRITE, &error);
	if (!result)
		result =
		    image_map(&rig->image, GUESTS_PROGRAM, 4096, GUEST_READ | GUEST_WRITE, &error);
	if (!result) {
		memcpy(image_pointer(&rig->image, GUEST_LIBOS_BASE, code), guests_begin,
		       (size_t)(guests_end - guests_begin));
		rig->entries.start = rig_address(start);
		rig->entries.resume = rig_address(guest_resumed);
		rig->entries.system_call = rig_address(guest_system_call_entry);
		result = page_tables_build(&rig->image, NULL, &error);
	}
	if (!result)
		result = window_create(&rig->window, &error);
	if (!result)
		result = isolation->open(&rig->host, &error);
	if (result)
		rig_report("rig", &error);
	return CHECK_NUMBER(result, 0);
}

static inline bool rig_open_with_root(struct rig *rig, const struct isolation *isolation,
				      const char *start, int root, uint64_t root_size)
{
	return rig_open_with(rig, isolation, start, root, root_size, GUESTS_DATA_SIZE);
}

static inline bool rig_open(struct rig *rig, const struct isolation *isolation, const char *start)
{
	return rig_open_with_root(rig, isolation, start, -1, 0);
}

static inline bool rig_create(struct rig *rig, bool private)
{
	struct error error = {0};
	const struct machine_description description = {
	    .image = &rig->image,
	    .window = &rig->window,
	    .entries = rig->entries,
	    .private = private,
	};
	int result = rig->isolation->create(&rig->machine, rig->host, &description, &error);
	if (result) {
		rig->machine = NULL;
		rig_report("create", &error);
	}
	return CHECK_NUMBER(result, 0);
}

static inline void rig_destroy(struct rig *rig)
{
	if (rig->machine)
		rig->isolation->destroy(rig->machine);
	rig->machine = NULL;
}

static inline void rig_close(struct rig *rig)
{
	rig_destroy(rig);
	rig->isolation->close(rig->host);
	window_release(&rig->window);
	image_release(&rig->image);
}

/* Answers the last hypercall with `result` and runs the guest for at most `limit_ns`. */
static inline struct stop rig_run_for(struct rig *rig, enum machine_entry entry, int64_t result,
				      uint64_t limit_ns)
{
	struct stop stop = {.why = MACHINE_LOST};
	struct error error = {0};
	volatile struct guest_control *control = window_control(&rig->window);
	control->result = result;
	struct machine_exit exit = {.stop = MACHINE_LOST};
	int code =
	    rig->isolation->run(rig->machine, entry, clock_now_ns() + limit_ns, &exit, &error);
	stop.why = exit.stop;
	stop.fault = exit.fault;
	stop.access = exit.access;
	if (code)
		rig_report("run", &error);
	CHECK_NUMBER(code, 0);
	stop.argument = control->arguments[0];
	return stop;
}

static inline struct stop rig_run(struct rig *rig, enum machine_entry entry, int64_t result)
{
	return rig_run_for(rig, entry, result, 5 * NANOSECONDS_PER_SECOND);
}

static inline bool rig_reset(struct rig *rig)
{
	struct error error = {0};
	uint64_t pages;
	int result = rig->isolation->reset(rig->machine, &pages, &error);
	if (result)
		rig_report("reset", &error);
	return CHECK_NUMBER(result, 0);
}

#endif
