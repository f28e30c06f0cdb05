/* How much memory programs have where nobody says. */
#include "channel/usual_memory.h"
#include "check.h"

#define MIB (1UL << 20)
#define GIB (1UL << 30)

int main(void)
{
	CHECK_NUMBER(usual_memory_of(USUAL_MEMORY_NO_ROOT, 64 * GIB), 128 * MIB);
	CHECK_NUMBER(usual_memory_of(USUAL_MEMORY_NO_ROOT, 64 * MIB), 128 * MIB);
	CHECK_NUMBER(usual_memory_of(USUAL_MEMORY_IMAGE, 64 * GIB), GIB);
	CHECK_NUMBER(usual_memory_of(USUAL_MEMORY_DIRECTORY, 64 * GIB), 4 * GIB);
	CHECK_NUMBER(usual_memory_of(USUAL_MEMORY_DIRECTORY, 8 * GIB), 2 * GIB);
	/* A share of what is no round number is whole MiB. */
	CHECK_NUMBER(usual_memory_of(USUAL_MEMORY_IMAGE, 2 * GIB + 4097), 512 * MIB);
	CHECK_NUMBER(usual_memory_of(USUAL_MEMORY_IMAGE, 512 * MIB), 256 * MIB);
	CHECK_NUMBER(usual_memory_of(USUAL_MEMORY_DIRECTORY, 0), 256 * MIB);
	CHECK_NUMBER(usual_memory_of(USUAL_MEMORY_DIRECTORY, UINT64_MAX), 4 * GIB);
	return check_status();
}
