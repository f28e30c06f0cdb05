/* What a container's annotations "mayfly.dev/…" ask for. */
#ifndef MAYFLY_OCI_CONFIG_SETTINGS_H
#define MAYFLY_OCI_CONFIG_SETTINGS_H

#include <stdint.h>

/* How the program gets requests. */
enum oci_contract {
	OCI_CONTRACT_STDIO, /* it runs once, with the container's streams: a job */
	OCI_CONTRACT_TCP,   /* a machine for each connection to the port */
	OCI_CONTRACT_HTTP,  /* a machine for each request */
};

#define OCI_SLOTS_MAX 1024

/* Where sockets of accelerator hosts are that containers may name. */
#define OCI_ACCELERATORS    "/run/mayfly/tenants"
#define OCI_ACCELERATOR_MAX 63 /* letters of a name: the path is a socket's */

/* Where what the program writes into its root goes, if that is not to be read only. */
enum oci_writes {
	OCI_WRITES_USUAL, /* a job's and an exec's to the files; a server's machines have memory */
	OCI_WRITES_WRITABLE, /* to the files */
	OCI_WRITES_MEMORY,   /* to the machine's memory */
};

struct oci_settings {
	uint64_t memory;	    /* mayfly.dev/memory: of the program, in bytes; 0: not given */
	const char *isolation;	    /* mayfly.dev/isolation: "auto" (default), "kvm" or "process" */
	unsigned slots;		    /* mayfly.dev/slots, 1 to OCI_SLOTS_MAX; 1 by default */
	enum oci_contract contract; /* mayfly.dev/contract: "stdio" (default), "tcp" or "http" */
	uint16_t port;		    /* mayfly.dev/port; 0: not given, which only stdio may */
	/* mayfly.dev/accelerator, a name: the socket's path, below OCI_ACCELERATORS; "": none. */
	char accelerator[sizeof(OCI_ACCELERATORS "/.sock") + OCI_ACCELERATOR_MAX];
	enum oci_writes writes; /* mayfly.dev/root: "writable" or "memory" */
};

#endif
