/* What came out, as JSON and against what was wanted; see report.h. */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/json_text.h"

#define MICROSECOND 1e3

static double median_of(const struct report *report, const char *name)
{
	const struct bench_row *row = bench_find(report->bench, name);
	return row ? bench_quantile(row, 0.5) : 0;
}

static void add_check(struct report *report, struct report_check check)
{
	if (report->check_count < REPORT_CHECKS_MAX)
		report->checks[report->check_count++] = check;
}

/* The interval of a ratio is the widest that the two medians' intervals allow. */
static void check_ratio(struct report *report, const char *title, const char *row, const char *base,
			double limit)
{
	const struct bench_row *above = bench_find(report->bench, row);
	const struct bench_row *below = bench_find(report->bench, base);
	if (!above || !below || bench_quantile(below, 0.5) <= 0)
		return;
	struct bench_interval above_interval = bench_median_interval(above);
	struct bench_interval below_interval = bench_median_interval(below);
	add_check(report,
		  (struct report_check){title, "", limit,
					bench_quantile(above, 0.5) / bench_quantile(below, 0.5),
					above_interval.low / below_interval.high,
					above_interval.high / below_interval.low});
}

static void check_time(struct report *report, const char *title, const char *row, const char *unit,
		       double unit_ns, double limit)
{
	const struct bench_row *measured = bench_find(report->bench, row);
	if (!measured)
		return;
	struct bench_interval interval = bench_median_interval(measured);
	add_check(report,
		  (struct report_check){title, unit, limit, bench_quantile(measured, 0.5) / unit_ns,
					interval.low / unit_ns, interval.high / unit_ns});
}

/* What a machine adds to an op: 3 % of the op or 300 us, whichever is more. */
static void check_detection(struct report *report)
{
	double guest = median_of(report, "detect-guest");
	double inprocess = median_of(report, "detect-inprocess");
	if (guest <= 0 || inprocess <= 0)
		return;
	double limit = 0.03 * inprocess > 300 * MICROSECOND ? 0.03 * inprocess : 300 * MICROSECOND;
	add_check(report, (struct report_check){"detect in a machine, more than in-process", "us",
						limit / MICROSECOND,
						(guest - inprocess) / MICROSECOND, 0, 0});
}

static void check_memory(struct report *report)
{
	for (size_t i = 0; i < report->memory_count; i++) {
		const struct memory_row *row = &report->memory[i];
		const double each = row->process + row->kernel;
		if (row->slots == 100)
			add_check(report, (struct report_check){"memory of an idle slot, of 100",
								"MiB", 1, each / 0x100000, 0, 0});
		if (!strcmp(row->program, "numpy"))
			add_check(report,
				  (struct report_check){
				      "memory of 1000 idle slots with numpy", "MB", 3000,
				      (each * (double)row->slots + row->shared) / 1e6, 0, 0});
	}
}

/* What is to be read at 0.8 times the host's rate may take this much longer. */
#define RATE_OF_HOST (1 / 0.8)

/* About as much as a bare vfork: up to a quarter more. */
#define ABOUT 1.25

void report_check(struct report *report)
{
	check_ratio(report, "hello / fork+exec+wait", "hello-kvm", "process-fork-exec", 0.15);
	check_ratio(report, "hello by mayfly run, its rights given up / fork+exec+wait",
		    "hello-command", "process-fork-exec", 0.15);
	check_ratio(report, "hello / posix_spawn+wait", "hello-kvm", "process-posix-spawn", 0.3);
	check_ratio(report, "hello / bare vfork+_exit+wait by the monitor", "hello-kvm",
		    "process-vfork-own", ABOUT);
	check_ratio(report, "hello / bare vfork+_exit+wait by a small process", "hello-kvm",
		    "process-vfork", ABOUT);
	check_ratio(report, "hello under process isolation / fork+exec+wait", "hello-process",
		    "process-fork-exec", 1);
	check_ratio(report, "hello / crun run", "hello-kvm", "container-crun", 0.1);
	check_ratio(report, "hello / runc run", "hello-kvm", "container-runc", 0.1);
	check_ratio(report, "Python, interpreter alone / fork+exec+wait", "python-bare-inside",
		    "python-bare-outside", 0.015);
	check_ratio(report, "Python, interpreter alone / fork+exec+wait, both in a tight loop",
		    "python-bare-inside-tight", "python-bare-outside-tight", 0.015);
	check_ratio(report, "Python, json, re, hashlib / fork+exec+wait", "python-modules-inside",
		    "python-modules-outside", 0.01);
	check_ratio(report, "Python, json, re, hashlib / fork+exec+wait, both in a tight loop",
		    "python-modules-inside-tight", "python-modules-outside-tight", 0.01);
	check_ratio(report, "Python, numpy / fork+exec+wait", "python-numpy-inside",
		    "python-numpy-outside", 0.004);
	check_ratio(report, "Python, numpy / fork+exec+wait, both in a tight loop",
		    "python-numpy-inside-tight", "python-numpy-outside-tight", 0.004);
	check_time(report, "Python, numpy, the first request of a new slot", "python-numpy-first",
		   "us", MICROSECOND, 5000);
	check_ratio(report, "hello in Go / fork+exec+wait", "go-hello-inside", "go-hello-outside",
		    0.15);
	check_ratio(report, "hello in Go / fork+exec+wait, both in a tight loop",
		    "go-hello-inside-tight", "go-hello-outside-tight", 0.15);
	check_ratio(report, "Go computes, in a machine / as a process", "go-compute-inside",
		    "go-compute-outside", 1.03);
	check_ratio(report, "sha256sum of 64 MiB, in a machine / as a process", "digest-inside",
		    "digest-outside", 1.03);
	check_ratio(report, "a file of 100 MB, in a fresh machine / the host's page cache",
		    "read-fresh", "read-outside", RATE_OF_HOST);
	check_ratio(report, "a file of 100 MB, read again / the host's page cache", "read-mapped",
		    "read-outside", RATE_OF_HOST);
	check_ratio(report, "a file of 100 MB, under process isolation / the host's page cache",
		    "read-process", "read-outside", RATE_OF_HOST);
	check_time(report, "a request that writes 500 pages", "pages-500", "us", MICROSECOND, 500);
	check_detection(report);
	check_time(report, "noop op in-process", "noop-inprocess", "ns", 1, 15);
	check_time(report, "session init + release", "session-inprocess", "us", MICROSECOND, 2);
	check_memory(report);
}

bool report_holds(const struct report *report)
{
	for (size_t i = 0; i < report->check_count; i++)
		if (report->checks[i].measured > report->checks[i].limit)
			return false;
	return true;
}

static json_t *rows_to_json(const struct bench *bench)
{
	json_t *list = json_array();
	for (size_t i = 0; i < bench->row_count; i++) {
		const struct bench_row *row = &bench->rows[i];
		struct bench_interval interval = bench_median_interval(row);
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "name",
			      row->what.name, "group", row->what.group, "title", row->what.title,
			      "samples", (json_int_t)row->count, "min_ns", bench_quantile(row, 0),
			      "p50_ns", bench_quantile(row, 0.5), "p50_low_ns", interval.low,
			      "p50_high_ns", interval.high, "p90_ns", bench_quantile(row, 0.9),
			      "p99_ns", bench_quantile(row, 0.99)));
	}
	return list;
}

static json_t *left_out_to_json(const struct bench *bench)
{
	json_t *list = json_array();
	for (size_t i = 0; i < bench->left_out_count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:o}", "name", bench->left_out[i].name,
						"reason", json_text(bench->left_out[i].reason)));
	return list;
}

static json_t *memory_to_json(const struct report *report)
{
	json_t *list = json_array();
	for (size_t i = 0; i < report->memory_count; i++) {
		const struct memory_row *row = &report->memory[i];
		json_array_append_new(
		    list, json_pack("{s:o, s:I, s:f, s:f, s:f}", "program", json_text(row->program),
				    "slots", (json_int_t)row->slots, "process_bytes", row->process,
				    "kernel_bytes", row->kernel, "shared_bytes", row->shared));
	}
	return list;
}

static json_t *checks_to_json(const struct report *report)
{
	json_t *list = json_array();
	for (size_t i = 0; i < report->check_count; i++) {
		const struct report_check *check = &report->checks[i];
		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:b}", "title", check->title,
				    "unit", check->unit, "wanted", check->limit, "measured",
				    check->measured, "low", check->low, "high", check->high, "held",
				    check->measured <= check->limit));
	}
	return list;
}

static json_t *machine_to_json(const struct report *report)
{
	const struct machine_facts *machine = &report->machine;
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s?, s:s, s:s?, s:f}", "processor",
			 machine->processor, "processors", (json_int_t)machine->processors,
			 "kernel", machine->kernel, "kvm", machine->kvm_flavour, "isolation",
			 report->isolation, "onnxruntime", report->runtime, "date", machine->date,
			 "commit", report->commit, "load", machine->load);
}

int report_write(const struct report *report, const char *path, struct error *error)
{
	json_t *all =
	    json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "machine", machine_to_json(report),
		      "rounds", (json_int_t)report->bench->rounds, "rows",
		      rows_to_json(report->bench), "memory", memory_to_json(report), "checks",
		      checks_to_json(report), "left_out", left_out_to_json(report->bench));
	cleanup_free char *text = json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(all);
	if (!text)
		return error_set(error, ENOMEM, "no memory for the report");
	return file_replace(path, text, strlen(text), error);
}
