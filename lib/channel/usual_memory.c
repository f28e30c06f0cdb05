/* How much memory a program has where nobody says; see usual_memory.h. */
#include "channel/usual_memory.h"

#include <sys/sysinfo.h>

#define MIB (1UL << 20)

#define MEMORY_PROGRAM (128 * MIB)
#define MEMORY_LEAST   (256 * MIB) /* interpreters, and what they import */
#define MEMORY_IMAGE                                                                               \
	(1024 * MIB) /* V8 and the JVM, whose heaps are parts of it; torch, scikit-learn */
#define MEMORY_DIRECTORY (4096 * MIB) /* the same with their libraries copied */

uint64_t usual_memory_of(enum usual_memory_root root, uint64_t machine_bytes)
{
	if (root == USUAL_MEMORY_NO_ROOT)
		return MEMORY_PROGRAM;
	const uint64_t wanted = root == USUAL_MEMORY_IMAGE ? MEMORY_IMAGE : MEMORY_DIRECTORY;
	const uint64_t share = machine_bytes / 4 / MIB * MIB;
	if (share >= wanted)
		return wanted;
	return share > MEMORY_LEAST ? share : MEMORY_LEAST;
}

uint64_t usual_memory(enum usual_memory_root root)
{
	struct sysinfo machine;
	if (sysinfo(&machine))
		return usual_memory_of(root, 0);
	return usual_memory_of(root, (uint64_t)machine.totalram * machine.mem_unit);
}
