/* The configuration file of mayfly-acceld: who may come where, and what each may do. docs/tenants.md
 * describes it, docs/acceld.yaml has every key. */
#ifndef MAYFLY_ACCELD_CONFIG_H
#define MAYFLY_ACCELD_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel_link/address.h"
#include "acceld/common/policy.h"
#include "util/error.h"

#define CONFIG_TENANTS_MAX   4096
#define CONFIG_SANDBOXES_MAX 16
#define CONFIG_SOCKETS_MAX   8
#define CONFIG_SIZE_MAX	     (4UL << 20)
#define CONFIG_VSOCK_PORT    2048

/* Beside the policy, for a relay. */
struct relay_limits {
	uint64_t message; /* bytes; WIRE_WINDOW_MAX at most */
	uint64_t memory;  /* of messages that it has at once, of all connections */
	uint64_t connections;
	uint64_t hello_ns; /* to say the first bytes, and to end a handshake */
};

extern const struct relay_limits relay_limits_default;

struct tls_files {
	char certificate[PATH_MAX], key[PATH_MAX]; /* of the host */
	char authority[PATH_MAX];		   /* of clients */
};

/* A tenant: a socket and its policy, whose name is the tenant's. */
struct tenant_config {
	struct address address;
	uint64_t mode; /* of a Unix socket */
	struct tls_files tls;
	/* Who may come: names in certificates, or context ids. */
	struct policy_names clients;
	struct policy policy;
	struct relay_limits limits;
};

/* A directory with sandboxes, each of which is a tenant with one and the same policy. */
struct sandboxes_config {
	char directory[PATH_MAX];
	uint64_t port;
	struct policy_names sockets; /* what a sandbox's hybrid socket may be called */
	struct policy policy;	     /* with the directory's name for these sandboxes, or "" */
	struct relay_limits limits;
};

struct config {
	struct tenant_config **tenants;
	size_t tenant_count;
	struct sandboxes_config **sandboxes;
	size_t sandboxes_count;
};

/* Reads the file `path`. -EINVAL with "FILE:LINE: what is wrong with it", or another negative errno;
 * `config` is empty then. */
int config_read(const char *path, struct config *config, struct error *error);

/* The same for a text; `name` is the file's in messages. */
int config_parse(const char *text, size_t length, const char *name, struct config *config,
		 struct error *error);

/* Adds a directory with what is usual; see --vsock-dir. 0 or a negative errno. */
int config_add_sandboxes(struct config *config, const char *directory, struct error *error);

void config_release(struct config *config);

#endif
