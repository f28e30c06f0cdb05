/* The allow-lists of system calls of all roles, from the tables that the filters are made of. */
#ifndef MAYFLY_TESTS_CONFINE_TABLES_H
#define MAYFLY_TESTS_CONFINE_TABLES_H

#include <stdlib.h>

#include "../../acceld/rights.h"
#include "../../monitor/rights.h"
#include "../../rootd/confine.h"

#define TABLES 4

struct table {
	const char *name;
	enum confine_refusal refusal;
	const struct confine_call *calls;
	size_t count;
};

static inline bool tables_fill(struct table tables[TABLES])
{
	tables[0] = (struct table){.name = "kvm"};
	tables[0].calls = rights_calls(&rights_kvm, &tables[0].count);
	tables[1] = (struct table){.name = "process"};
	tables[1].calls = rights_calls(&rights_process, &tables[1].count);
	tables[2] = (struct table){"acceld", CONFINE_REFUSE, acceld_calls, acceld_call_count};
	tables[3] = (struct table){"rootd", CONFINE_KILL, rootd_calls, rootd_call_count};
	return tables[0].calls && tables[1].calls;
}

static inline void tables_release(struct table tables[TABLES])
{
	free((void *)tables[0].calls);
	free((void *)tables[1].calls);
}

#endif
