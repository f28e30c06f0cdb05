/* Ids of sessions and resources: from 1 up. 0 stands for no session or resource. */
#ifndef VACCEL_ID_H
#define VACCEL_ID_H

#include <stdint.h>

typedef int64_t vaccel_id_t;

#endif
