/* Fuzzes what looks for a program's contract in its ELF file. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contracts/contract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum contract_kind kind = CONTRACT_COUNT;
	int file = memfd_create("program", MFD_CLOEXEC);
	if (file < 0 || write(file, data, size) != (ssize_t)size)
		abort();
	int result = contract_of_program(file, &kind);
	if (!result && !contract_name(kind))
		abort();
	close(file);
	return 0;
}
