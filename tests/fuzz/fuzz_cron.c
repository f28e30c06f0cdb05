/* Schedules and URLs, as clients write them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cron/cron.h"
#include "link/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct cron cron;
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (!cron_parse(&cron, text, NULL)) {
		const uint64_t first = cron_next(&cron, 0), next = cron_next(&cron, first);
		if (first % 60 || next <= first || next == UINT64_MAX)
			abort();
	}
	url_check(text, NULL);
	free(text);
	return 0;
}
