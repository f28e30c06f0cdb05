/* Where an image goes to, and for whom. */
#ifndef MAYFLY_GATEWAY_COLLECTING_H
#define MAYFLY_GATEWAY_COLLECTING_H

#include "gateway/images/images.h"

struct collecting {
	const char *directory; /* of images */
	const struct images_settings *settings;
	const struct image_order *order; /* who waits */
};

#endif
