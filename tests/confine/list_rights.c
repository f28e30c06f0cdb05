/* Prints the allow-lists, a line for each entry that is not in the list before as well, separated
 * by tabs: role, call, number, the argument that is looked at (0: none), its mask and value,
 * "seldom", "absent", "trapped" or "-", purpose.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tables.h"

int main(void)
{
	struct table tables[TABLES];
	if (!tables_fill(tables))
		return 1;
	for (size_t i = 0; i < TABLES; i++)
		for (size_t k = tables[i].inherited; k < tables[i].count; k++) {
			const struct confine_call *call = &tables[i].calls[k];
			const char *kind = call->absent	   ? "absent"
					   : call->trapped ? "trapped"
							   : "-";
			printf("%s\t%s\t%d\t%d\t%#" PRIx64 "\t%#" PRIx64 "\t%s\t%s\n",
			       tables[i].name, call->name, call->number, call->argument, call->mask,
			       call->value, call->seldom ? "seldom" : kind, call->purpose);
		}
	tables_release(tables);
	return fflush(stdout) ? 1 : 0;
}
