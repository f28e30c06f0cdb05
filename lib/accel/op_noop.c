/* vaccel_noop(): what a call costs. */
#include "vaccel/ops/noop.h"

#include "accel/dispatch.h"
#include "vaccel/op.h"

int vaccel_noop(struct vaccel_session *sess)
{
	return mayfly_op_dispatch(sess, VACCEL_OP_NOOP, NULL, 0, NULL, 0, NULL);
}
