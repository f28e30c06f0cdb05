/* Images: from what a deployment names to what a monitor can start, kept in the state directory.
 *
 * An image is, in the order in which it is looked for: the name of an installed function; a path on this
 * machine, which begins with "/" (a program, a root image or snapshot of Mayfly's, a tar archive or
 * directory, an OCI layout or docker-archive); `oci:DIR[:TAG]` and `docker-archive:FILE`; else the name of
 * an image in a registry, fetched by skopeo. Files, layouts and archives are kept by their digest.
 *
 * Unpacking and fetching are done in processes of their own. All of it may take long; thread-safe.
 */
#ifndef MAYFLY_GATEWAY_IMAGES_H
#define MAYFLY_GATEWAY_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"
#include "util/error.h"

struct images;

/* What the operator says; NULL and 0: what is usual. */
struct images_settings {
	const char *credentials; /* a file for registries (containers-auth.json(5)); NULL: none */
	const char *
	    paths_below; /* paths are taken from below this directory only; NULL: from everywhere */
	uint64_t size_limit; /* bytes of an image that is unpacked or fetched */
	uint64_t fetch_timeout_ns;
	uint64_t setup_timeout_ns; /* how long a program may take until it waits for a request */
};

/* `directory`: of the state; images are in `directory`/images. What an earlier process left unfinished
 * there is removed, so one process may have it open. `settings` NULL: what is usual. */
int images_open(struct images **images, const char *directory,
		const struct images_settings *settings, struct error *error);
void images_close(struct images *images);

struct image_secret {
	const char *name;
	const void *value;
	size_t length;
};

/* Where programs find them, as with OpenFaaS. */
#define IMAGE_SECRETS_DIRECTORY "/var/openfaas/secrets"

/* The files that secrets become: a list for mayfly_description.files, the caller's to free in one piece; NULL
 * where there are none. Values stay where they are. EINVAL for a name that none may have. */
struct mayfly_file;
int image_secret_files(const struct image_secret *secrets, size_t count, struct mayfly_file **files,
		       struct error *error);

/* What is to be prepared. */
struct image_order {
	/* FIELD_IMAGE, _PROCESS, _ENVIRONMENT, _LIMIT, _ANNOTATION … */
	struct record_view deployment;
	/* What was prepared for this deployment before: it takes the image that was kept then, whatever its
	 * name means now. No data: the image is looked for. */
	struct record_view earlier;
	const struct image_secret *secrets; /* become files of the program */
	size_t secret_count;
	bool (*unwanted)(void *context); /* true: give up, ECANCELED. May be NULL */
	void (*progress)(void *context, const char *text); /* may be NULL */
	void *context;
};

/* Finds or fetches the image, starts it once, and keeps the snapshot. `prepared` gets what
 * images_describe() needs, and FIELD_DIGEST, FIELD_CONTRACT (its name), FIELD_ISOLATION, FIELD_MEMORY.
 * EINVAL with a sentence for all that is wrong with the image or deployment: missing, too large, not for
 * this machine, neither reads nor listens within its start-up time, a limit beyond the machine. */
int images_prepare(struct images *images, const struct image_order *order, struct record *prepared,
		   struct error *error);

/* Only looks at the deployment's fields: EINVAL for what is wrong with them. Fast. */
int images_check(struct record_view deployment, struct error *error);

/* What a revision is started by. Strings are the description's; release it. */
struct image_description {
	char *program, *root; /* root NULL: none */
	char *isolation;
	/* `program` is a snapshot: arguments, environment and secrets are in it, and memory is 0. Else give it
	 * secrets by image_secret_files(), and with the stdio contract room for CONTRACT_VARIABLES_MAX. */
	bool frozen;
	uint64_t memory, cpus, timeout_ns; /* cpus: thousandths; 0: no limit */
	char **arguments, **environment;   /* NULL-terminated, or NULL */
	unsigned contract;		   /* enum contract_kind */
	unsigned port; /* where the server of a unikernel listens; 0: at one of the usual ones */
	unsigned minimum, maximum; /* slots */
	unsigned queue;		   /* how many requests may wait */
	uint64_t idle_ns; /* how long it idles until it is scaled to zero; 0: it never is */
	unsigned split;	  /* percent of the requests that go to this revision; 100: all */
	unsigned reuse;	  /* requests that a machine serves, one after the other; 0, 1: one */
	bool no_acceleration, stream;
	bool fresh;	/* each request runs the program from its start */
	char *schedule; /* cron; NULL: none */
};

/* ESTALE: it was prepared by another version of Mayfly or for another machine, or its files are gone;
 * prepare it again, with `prepared` as image_order.earlier. */
int images_describe(struct images *images, struct record_view deployment,
		    struct record_view prepared, struct image_description *description,
		    struct error *error);
void image_description_release(struct image_description *description);

/* The devices that a function is started with. */
struct image_devices {
	char network[32];
	const char *list[2];
};

/* Those of a function with that contract and port, as mayfly_description.devices, in `devices`. NULL: it has
 * none. */
const char *const *image_devices(struct image_devices *devices, unsigned contract, unsigned port);

/* Removes what none of these needs: `prepared` of each revision that is kept. What was prepared within the
 * last minutes stays, too; and while something is being prepared nothing is removed. */
int images_trim(struct images *images, const struct record_view *prepared, size_t count,
		struct error *error);

#endif
