/* Files of control groups, of version 1 and 2, and where groups are mounted. */
#ifndef MAYFLY_CONFINE_CGROUP_FILES_H
#define MAYFLY_CONFINE_CGROUP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes a text to the file `name` of the group that the directory `group` is. 0 or a negative errno. */
int cgroup_file_write(int group, const char *name, const char *text);

/* Reads a file of less than `size` bytes, or its beginning. What is not there is read as "". */
int cgroup_file_read(int group, const char *name, char *text, size_t size);

/* The number behind `name` in lines "name number"; 0 where it is not there. */
uint64_t cgroup_file_number(const char *text, const char *name);

/* A line of /proc/self/mountinfo. */
struct cgroup_mount {
	const char *device; /* "0:28": file systems that are the same have the same */
	const char *root;   /* what of the hierarchy is seen at `point` */
	char *point;
	const char *type;
	const char *options; /* of the file system: "rw,cpu,cpuacct" */
};

/* Takes a line apart, which is changed: "31 23 0:28 / /sys/fs/cgroup rw shared:1 - cgroup2 none rw". */
bool cgroup_mount_parse(char *line, struct cgroup_mount *mount);

#endif
