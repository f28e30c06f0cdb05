/* The allow-lists of system calls of all roles, from the tables that the filters are made of. */
#ifndef MAYFLY_TESTS_CONFINE_TABLES_H
#define MAYFLY_TESTS_CONFINE_TABLES_H

#include <stdlib.h>
#include <string.h>

#include "../../acceld/rights.h"
#include "../../monitor/rights.h"
#include "../../rootd/confine.h"

#define TABLES 5

struct table {
	const char *name;
	enum confine_refusal refusal;
	const struct confine_call *calls;
	size_t count;
	size_t inherited; /* the first of them are those of the table before */
};

/* A filter is inherited: a supervisor may call whatever its workers may. */
static inline const struct confine_call *tables_join_supervisor(void)
{
	struct confine_call *calls = calloc(acceld_worker_call_count + acceld_supervisor_call_count,
					    sizeof(struct confine_call));
	if (calls) {
		memcpy(calls, acceld_worker_calls, acceld_worker_call_count * sizeof(*calls));
		memcpy(calls + acceld_worker_call_count, acceld_supervisor_calls,
		       acceld_supervisor_call_count * sizeof(*calls));
	}
	return calls;
}

static inline bool tables_fill(struct table tables[TABLES])
{
	tables[0] = (struct table){.name = "kvm"};
	tables[0].calls = rights_calls(&rights_kvm, &tables[0].count);
	tables[1] = (struct table){.name = "process"};
	tables[1].calls = rights_calls(&rights_process, &tables[1].count);
	tables[2] = (struct table){.name = "acceld-worker",
				   .refusal = CONFINE_REFUSE,
				   .calls = acceld_worker_calls,
				   .count = acceld_worker_call_count};
	tables[3] = (struct table){.name = "acceld",
				   .refusal = CONFINE_REFUSE,
				   .calls = tables_join_supervisor(),
				   .count = acceld_worker_call_count + acceld_supervisor_call_count,
				   .inherited = acceld_worker_call_count};
	tables[4] = (struct table){.name = "rootd",
				   .refusal = CONFINE_KILL,
				   .calls = rootd_calls,
				   .count = rootd_call_count};
	return tables[0].calls && tables[1].calls && tables[3].calls;
}

static inline void tables_release(struct table tables[TABLES])
{
	free((void *)tables[0].calls);
	free((void *)tables[1].calls);
	free((void *)tables[3].calls);
}

#endif
