/* What options say of how a container's processes are started. */
#ifndef MAYFLY_OCI_CONTAINER_LAUNCH_OPTIONS_H
#define MAYFLY_OCI_CONTAINER_LAUNCH_OPTIONS_H

#include <stdbool.h>

struct launch_options {
	const char *root;     /* of all containers' directories */
	const char *bundle;   /* a directory; NULL: this one */
	const char *pid_file; /* NULL: none */
	const char *console;  /* a socket; NULL: none */
	bool systemd;	      /* its control group is named as systemd does */
	bool may_delegate;    /* a pause container is another runtime's */
	const char *log;      /* for that; NULL: none */
	bool log_json;
};

#endif
