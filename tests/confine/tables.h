/* The allow-lists of system calls of all roles, from the tables that the filters are made of. */
#ifndef MAYFLY_TESTS_CONFINE_TABLES_H
#define MAYFLY_TESTS_CONFINE_TABLES_H

#include <stdlib.h>
#include <string.h>

#include "../../rootd/confine.h"
#include "acceld/common/rights.h"
#include "gateway/courier/rights.h"
#include "gateway/unpacker/rights.h"
#include "gateway/worker/rights.h"
#include "monitor/sandbox/rights.h"

#define TABLES 21

struct table {
	const char *name;
	enum confine_refusal refusal;
	const struct confine_call *calls;
	size_t count;
	size_t inherited; /* the first of them are those of the table before */
};

struct table_part {
	const struct confine_call *calls;
	size_t count;
};

/* A filter is inherited: who forks others may call whatever these may. The last part is its own. */
static inline void tables_join(struct table *table, const struct table_part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		table->inherited = table->count;
		table->count += parts[i].count;
	}
	struct confine_call *calls = calloc(table->count, sizeof(*calls));
	size_t used = 0;
	for (size_t i = 0; calls && i < count; used += parts[i++].count)
		memcpy(calls + used, parts[i].calls, parts[i].count * sizeof(*calls));
	table->calls = calls;
}

static inline bool tables_fill(struct table tables[TABLES])
{
	tables[0] = (struct table){.name = "kvm"};
	tables[0].calls = rights_calls(&isolation_kvm, NULL, &tables[0].count);
	tables[1] = (struct table){.name = "process"};
	tables[1].calls = rights_calls(&isolation_process, NULL, &tables[1].count);
	tables[2] = (struct table){.name = "acceld-worker",
				   .refusal = CONFINE_REFUSE,
				   .calls = acceld_worker_calls,
				   .count = acceld_worker_call_count};
	const struct table_part parts[] = {{acceld_worker_calls, acceld_worker_call_count},
					   {acceld_tenant_calls, acceld_tenant_call_count},
					   {acceld_zygote_calls, acceld_zygote_call_count},
					   {acceld_supervisor_calls, acceld_supervisor_call_count}};
	tables[3] = (struct table){.name = "acceld-tenant",
				   .refusal = CONFINE_REFUSE,
				   .calls = acceld_tenant_calls,
				   .count = acceld_tenant_call_count};
	tables[4] = (struct table){.name = "acceld-zygote", .refusal = CONFINE_REFUSE};
	tables_join(&tables[4], parts + 1, 2);
	tables[5] = (struct table){.name = "acceld", .refusal = CONFINE_REFUSE};
	tables_join(&tables[5], parts, 4);
	tables[6] = (struct table){.name = "rootd",
				   .refusal = CONFINE_KILL,
				   .calls = rootd_calls,
				   .count = rootd_call_count};
	/* What a kind of guest adds whose machines are saved whole. */
	tables[7] = (struct table){.name = "kvm-state", .inherited = tables[0].count};
	tables[7].calls = rights_calls(&isolation_kvm, &guest_raw, &tables[7].count);
	/* And one whose guests were built for the privileged ring. */
	static const struct guest_kind kernels = {.needs_kernels = true};
	tables[15] = (struct table){.name = "kvm-kernels", .inherited = tables[7].count};
	tables[15].calls = rights_calls(&isolation_kvm, &kernels, &tables[15].count);
	tables[8] = (struct table){.name = "mayfly-http",
				   .refusal = CONFINE_REFUSE,
				   .calls = worker_calls,
				   .count = worker_call_count};
	tables[9] = (struct table){.name = "mayfly-courier",
				   .refusal = CONFINE_REFUSE,
				   .calls = courier_calls,
				   .count = courier_call_count};
	tables[10] = (struct table){.name = "mayfly-unpacker",
				    .refusal = CONFINE_REFUSE,
				    .calls = unpacker_calls,
				    .count = unpacker_call_count};
	tables[11] = (struct table){.name = "acceld-relay",
				    .refusal = CONFINE_REFUSE,
				    .calls = acceld_relay_calls,
				    .count = acceld_relay_call_count};
	const struct table_part listening[] = {
	    {acceld_worker_calls, acceld_worker_call_count},
	    {acceld_tenant_calls, acceld_tenant_call_count},
	    {acceld_zygote_calls, acceld_zygote_call_count},
	    {acceld_supervisor_calls, acceld_supervisor_call_count},
	    {acceld_relay_calls, acceld_relay_call_count},
	    {acceld_listening_calls, acceld_listening_call_count}};
	const struct table_part code[] = {{acceld_tenant_calls, acceld_tenant_call_count},
					  {acceld_code_calls, acceld_code_call_count}};
	tables[13] = (struct table){.name = "acceld-code", .refusal = CONFINE_REFUSE};
	tables_join(&tables[13], code, 2);
	tables[12] = (struct table){.name = "acceld-listening", .refusal = CONFINE_REFUSE};
	tables_join(&tables[12], listening, 6);
	const struct table_part metrics[] = {{acceld_relay_calls, acceld_relay_call_count},
					     {acceld_metrics_calls, acceld_metrics_call_count}};
	tables[14] = (struct table){.name = "acceld-metrics", .refusal = CONFINE_REFUSE};
	tables_join(&tables[14], metrics, 2);
	tables[16] = (struct table){.name = "kvm-solo5", .inherited = tables[15].count};
	tables[16].calls = rights_calls(&isolation_kvm, &guest_solo5, &tables[16].count);
	tables[17] = (struct table){.name = "process-solo5-spt", .inherited = tables[1].count};
	tables[17].calls = rights_calls(&isolation_process, &guest_solo5_spt, &tables[17].count);
	tables[18] = (struct table){.name = "kvm-unikraft", .inherited = tables[15].count};
	tables[18].calls = rights_calls(&isolation_kvm, &guest_unikraft, &tables[18].count);
	tables[19] = (struct table){.name = "kvm-linux", .inherited = tables[15].count};
	tables[19].calls = rights_calls(&isolation_kvm, &guest_linux, &tables[19].count);
	tables[20] = (struct table){.name = "rootd-writing",
				    .refusal = CONFINE_KILL,
				    .calls = rootd_writer_calls,
				    .count = rootd_writer_call_count,
				    .inherited = rootd_call_count};
	return tables[19].calls && tables[18].calls && tables[17].calls && tables[7].calls &&
	       tables[12].calls && tables[13].calls && tables[14].calls && tables[15].calls &&
	       tables[16].calls && tables[0].calls && tables[1].calls && tables[4].calls &&
	       tables[5].calls;
}

static inline void tables_release(struct table tables[TABLES])
{
	free((void *)tables[0].calls);
	free((void *)tables[1].calls);
	free((void *)tables[4].calls);
	free((void *)tables[5].calls);
	free((void *)tables[7].calls);
	free((void *)tables[12].calls);
	free((void *)tables[13].calls);
	free((void *)tables[14].calls);
	free((void *)tables[15].calls);
	free((void *)tables[16].calls);
	free((void *)tables[17].calls);
	free((void *)tables[18].calls);
	free((void *)tables[19].calls);
}

#endif
