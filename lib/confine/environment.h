/* The environment of a process that strangers may take over. */
#ifndef MAYFLY_CONFINE_ENVIRONMENT_H
#define MAYFLY_CONFINE_ENVIRONMENT_H

/* Forgets all variables, also where the kernel shows them (/proc/PID/environ): those of the program
 * that started this one may be secrets. Call it before there are threads; values that
 * were asked for before are empty afterwards. */
void environment_forget(void);

#endif
