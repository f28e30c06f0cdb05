/* How many connections are let in at once: those of a tenant, and all. Thread-safe. */
#ifndef MAYFLY_ACCELD_ADMISSION_H
#define MAYFLY_ACCELD_ADMISSION_H

#include <pthread.h>
#include <stdbool.h>

struct account;

struct admission {
	pthread_mutex_t lock;
	pthread_cond_t room; /* one that was let in has gone */
};

void admission_init(struct admission *admission);
void admission_release(struct admission *admission);

/* Lets a connection of this tenant in, now or within moments; false where there are too many, of
 * this tenant or of all. */
bool admission_enter(struct admission *admission, struct account *account);
void admission_leave(struct admission *admission, struct account *account);

#endif
