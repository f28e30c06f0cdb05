/* Features of the processor: this machine has its own, and what is missing has a name. */
#include <string.h>

#include "check.h"
#include "monitor/x86_64/cpu_features.h"

int main(void)
{
	struct cpu_features here, other;
	cpu_features_read(&here);
	CHECK(!cpu_features_missing(&here, &here));
	CHECK(here.xcr0 & 1); /* x87 */

	/* Each feature of this machine is missed where it is taken away,
	 * under a name of its own. */
	size_t missed = 0;
	for (size_t word = 0; word < CPU_FEATURE_WORDS; word++) {
		for (int bit = 0; bit < 32; bit++) {
			if (!(here.words[word] >> bit & 1))
				continue;
			other = here;
			other.words[word] &= ~(1U << bit);
			const char *name = cpu_features_missing(&here, &other);
			CHECK(name && *name);
			CHECK(!cpu_features_missing(&other, &here));
			missed++;
		}
	}
	CHECK(missed > 5); /* every x86-64 machine that runs Mayfly has FSGSBASE and older ones */
	other = here;
	other.xcr0 = 0;
	CHECK(cpu_features_missing(&here, &other));
	/* Bits without a name count for nothing. */
	memset(&other, 0, sizeof(other));
	other.words[0] = 1U << 27; /* OSXSAVE */
	CHECK(!cpu_features_missing(&other, &here));
	return check_status();
}
