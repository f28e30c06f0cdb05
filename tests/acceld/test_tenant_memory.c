/* The memory for messages to a tenant's worker: what is counted is given back when it was for
 * nothing. There is no zygote here, and so no worker: each call fails when it has its memory. */
#include <stdlib.h>
#include <sys/resource.h>

#include "accel/wire/wire.h"
#include "acceld/tenants/account.h"
#include "acceld/tenants/tenant.h"
#include "check.h"
#include "mayfly/results.h"
#include "vaccel.h"

#define SPACE  (4UL << 20)
#define BUDGET (8UL << 20)

/* A message of `extent` bytes in all, with `size` bytes in it. */
static void call(struct tenant *tenant, struct accounts *accounts, uint8_t *space, size_t size,
		 uint64_t extent, int wanted)
{
	struct wire_message message;
	struct vaccel_arg input = {.buf = space, .size = size, .type = VACCEL_ARG_BUFFER};
	const struct accel_call call = {.op = 0, .inputs = &input, .input_count = 1};
	uint8_t *buffer = aligned_alloc(WIRE_ALIGNMENT, SPACE);
	uint64_t used, left = atomic_load(&accounts->wholes.memory.left);
	CHECK_NUMBER(wire_encode(buffer, SPACE, &call, 1, &used), 0);
	wire_message_init(&message, NULL);
	CHECK_NUMBER(wire_decode(&message, buffer, extent > used ? extent : used, NULL), 0);
	mayfly_op_set_reason("");
	CHECK_NUMBER(tenant_call(tenant, 1, 0, 0, &message), wanted);
	CHECK(*mayfly_op_reason());
	CHECK_NUMBER(atomic_load(&accounts->wholes.memory.left), left);
	CHECK_NUMBER(tenant->taken, 0);
	CHECK(!tenant->memory && !tenant->size);
	wire_message_release(&message);
	free(buffer);
}

int main(void)
{
	const struct account_limits limits = {.memory = BUDGET, .workers = 1};
	struct accounts accounts;
	struct tenants tenants;
	struct tenant tenant;
	uint8_t *space = calloc(1, SPACE);
	accounts_init(&accounts, &limits);
	tenants_init(&tenants, -1, 1);
	struct account *account =
	    account_open(&accounts, (struct account_tenant){.number = 1}, &policy_default);
	if (!CHECK(account && space))
		return check_status();
	tenant_init(&tenant, &tenants, account, -1);
	call(&tenant, &accounts, space, 100, 0, VACCEL_EBACKEND);
	call(&tenant, &accounts, space, 3 << 20, SPACE, VACCEL_EBACKEND);
	/* A file that cannot be made. */
	struct rlimit files, none;
	CHECK_NUMBER(getrlimit(RLIMIT_NOFILE, &files), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = files.rlim_max};
	CHECK_NUMBER(setrlimit(RLIMIT_NOFILE, &none), 0);
	call(&tenant, &accounts, space, 100, 0, VACCEL_ENOMEM);
	call(&tenant, &accounts, space, 3 << 20, SPACE, VACCEL_ENOMEM);
	CHECK_NUMBER(setrlimit(RLIMIT_NOFILE, &files), 0);
	/* Another one has half: a quarter is left for this one, and the message needs more. */
	struct account *other =
	    account_open(&accounts, (struct account_tenant){.number = 2}, &policy_default);
	CHECK(budget_take(&other->parts.memory, BUDGET / 2));
	call(&tenant, &accounts, space, 100, SPACE, VACCEL_EBACKEND);
	call(&tenant, &accounts, space, 3 << 20, SPACE, VACCEL_ENOMEM);
	budget_give(&other->parts.memory, BUDGET / 2);
	account_close(&accounts, other);
	tenant_end(&tenant);
	account_close(&accounts, account);
	tenants_release(&tenants);
	accounts_release(&accounts);
	free(space);
	return check_status();
}
