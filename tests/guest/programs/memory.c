/* Memory by way of the C library and directly: patterns written and found again. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCKS 400

static size_t block_size(unsigned i)
{
	return (i * 7919u) % 60000 + 1;
}

static int holds(const unsigned char *block, size_t size, unsigned char value)
{
	for (size_t i = 0; i < size; i++)
		if (block[i] != value)
			return 0;
	return 1;
}

int main(void)
{
	unsigned char *blocks[BLOCKS];
	unsigned wrong = 0;
	for (unsigned i = 0; i < BLOCKS; i++) {
		blocks[i] = calloc(1, block_size(i));
		if (!blocks[i])
			return 1;
		wrong += !holds(blocks[i], block_size(i), 0);
		memset(blocks[i], (int)i, block_size(i));
	}
	for (unsigned i = 0; i < BLOCKS; i += 3) {
		free(blocks[i]);
		blocks[i] = NULL;
	}
	for (unsigned i = 1; i < BLOCKS; i += 3) {
		blocks[i] = realloc(blocks[i], block_size(i) * 2);
		wrong += !holds(blocks[i], block_size(i), (unsigned char)i);
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		wrong += blocks[i] && !holds(blocks[i], block_size(i), (unsigned char)i);
		free(blocks[i]);
	}
	printf("heap: %u wrong\n", wrong);
	/* Blocks beyond the threshold from which malloc maps them. */
	char *big = malloc(1 << 20);
	memset(big, 1, 1 << 20);
	big = realloc(big, 5 << 20);
	printf("grown: %d %d\n", big != NULL, holds((unsigned char *)big, 1 << 20, 1));
	free(big);
	char *area =
	    mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area, 7, 1 << 16);
	printf("protect: %d\n", mprotect(area, 4096, PROT_READ));
	int error = madvise(area + 4096, 4096, MADV_DONTNEED);
	printf("advise: %d %d %d %d\n", error, area[0], area[4096], area[8192]);
	/* One mapping that is now two cannot be moved as one. */
	error = mremap(area, 1 << 16, 1 << 18, MREMAP_MAYMOVE) == MAP_FAILED ? errno : 0;
	printf("remap two: %d\n", error == EFAULT);
	mprotect(area, 4096, PROT_READ | PROT_WRITE);
	area = mremap(area, 1 << 16, 1 << 18, MREMAP_MAYMOVE);
	printf("remap: %d\n", area != MAP_FAILED);
	printf("kept: %d %d %d\n", area[0], area[8192], area[1 << 16]);
	printf("unmap: %d\n", munmap(area, 1 << 18));
	errno = 0;
	big = malloc((size_t)1 << 46);
	printf("too much: %d %d\n", big == NULL, errno == ENOMEM);
	return 0;
}
