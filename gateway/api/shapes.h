/* The objects of the gateway's API. */
#ifndef MAYFLY_GATEWAY_SHAPES_H
#define MAYFLY_GATEWAY_SHAPES_H

#include "api/shape.h"

/* Requests. */
extern const struct shape shape_deployment, shape_removal, shape_scaling, shape_rollback,
    shape_split, shape_secret, shape_secret_name, shape_namespace, shape_namespace_name,
    shape_alert;

/* Answers. */
extern const struct shape shape_status, shape_log, shape_secret_listed, shape_namespace_listed,
    shape_revision, shape_call, shape_info;

#endif
