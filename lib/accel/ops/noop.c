/* vaccel_noop(): what a call costs. */
#include "vaccel/ops/noop.h"

#include "accel/ops/dispatch.h"
#include "vaccel/op.h"

int vaccel_noop(struct vaccel_session *sess)
{
	int (*own)(struct vaccel_session *) = op_own_function(sess, VACCEL_OP_NOOP);
	if (own)
		return own(sess);
	return mayfly_op_dispatch(sess, VACCEL_OP_NOOP, NULL, 0, NULL, 0, NULL);
}
