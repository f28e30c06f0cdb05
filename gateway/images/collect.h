/* Getting an image into the directory of images: copied, packed or fetched. */
#ifndef MAYFLY_GATEWAY_COLLECT_H
#define MAYFLY_GATEWAY_COLLECT_H

#include "gateway/contracts/contract.h"
#include "gateway/images/collecting.h"
#include "gateway/images/image_files.h"
#include "gateway/images/source.h"

/* An image that is in the directory. */
struct collected {
	struct image_file file;
	char digest[HASH_HEX_SIZE + 8]; /* sha256:… of what the image's name stood for */
	bool says_contract;
	enum contract_kind contract; /* that the image says */
	char process[1024];	     /* what its watchdog of OpenFaaS' would run; "": it has none */
	bool names_no_command;	     /* of a root image: the deployment has to */
};

/* EINVAL with a sentence where it is not fit; ECANCELED where nobody wants it any more. */
int collect(const struct collecting *collecting, const struct image_source *source,
	    struct collected *collected, struct error *error);

/* Looks at what is in the directory: whether it is sound, and which contract it says. */
int collect_look(const struct collecting *collecting, struct collected *collected,
		 struct error *error);

/* Tells whoever waits what is being done. */
void collect_tell(const struct image_order *order, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
