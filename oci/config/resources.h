/* Limits of a container: "linux.resources" of config.json, and what `update --resources` reads.
 * Reference: OCI runtime specification 1.1, config-linux.md, "Control groups". */
#ifndef MAYFLY_OCI_CONFIG_RESOURCES_H
#define MAYFLY_OCI_CONFIG_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* Limits that are one number. cgroup/limit_files.c knows in which files each goes. */
enum oci_limit {
	OCI_MEMORY_LIMIT, /* bytes; -1 of any limit of memory and of pids: none */
	OCI_MEMORY_RESERVATION,
	OCI_MEMORY_SWAP, /* bytes of memory and swap together */
	OCI_MEMORY_SWAPPINESS,
	OCI_MEMORY_DISABLE_OOM_KILLER, /* 0 or 1 */
	OCI_CPU_SHARES,
	OCI_CPU_QUOTA, /* µs in each period; -1: no limit */
	OCI_CPU_BURST, /* µs, as the next three */
	OCI_CPU_PERIOD,
	OCI_CPU_REALTIME_RUNTIME,
	OCI_CPU_REALTIME_PERIOD,
	OCI_CPU_IDLE, /* 0 or 1 */
	OCI_PIDS_LIMIT,
	OCI_IO_WEIGHT,
	OCI_LIMITS,
};

struct oci_limit_value {
	bool given;
	int64_t value;
};

enum oci_io_limit {
	OCI_IO_READ_BYTES, /* a second */
	OCI_IO_WRITE_BYTES,
	OCI_IO_READ_OPERATIONS,
	OCI_IO_WRITE_OPERATIONS,
	OCI_IO_DEVICE_WEIGHT,
};

/* A limit for one block device. */
struct oci_io_rule {
	enum oci_io_limit kind;
	uint32_t major, minor;
	uint64_t rate; /* 0: no limit */
};

struct oci_huge_page_limit {
	const char *page_size; /* "2MB", as the kernel names its files */
	uint64_t limit;	       /* bytes */
};

/* A member of an object whose values are texts. */
struct oci_pair {
	const char *name, *value;
};

/* Filled in by oci_resources_parse(), or by oci_config_parse() as a part of its structure; then it
 * is released with that. One that is all zero has no limit. */
struct oci_tree;

struct oci_resources {
	struct oci_limit_value limits[OCI_LIMITS];
	const char *cpus, *memory_nodes; /* lists as "0-2,7"; NULL: not given */
	struct oci_io_rule *io_rules;
	size_t io_rule_count;
	struct oci_huge_page_limit *huge_pages;
	size_t huge_page_count;
	struct oci_pair *unified; /* files of cgroup v2, and what is written to them */
	size_t unified_count;
	struct oci_tree *tree; /* whose texts these are; NULL where it is the configuration's */
};

/* Reads the text of a file for `update --resources`, an object as "linux.resources" is. -EINVAL with
 * a sentence that names the member, -ENOMEM; *resources is empty then. */
int oci_resources_parse(const char *text, size_t length, struct oci_resources *resources,
			struct error *error);

void oci_resources_release(struct oci_resources *resources);

/* Sets one limit, for an option of `update`. -ERANGE, with what it may be. */
int oci_resources_set(struct oci_resources *resources, enum oci_limit limit, int64_t value,
		      struct error *error);

#endif
