/* Variables of a request in the program's environment. Entries at its end point at places of the
 * window, where the front puts them; what is left to do is to end the environment behind them. */
#ifndef MAYFLY_GUEST_VARIABLES_H
#define MAYFLY_GUEST_VARIABLES_H

/* In a clone: the program has read its environment, and may have changed it. */
void variables_resume(void);

/* Before the program's first instruction. In a set-up nothing is done. */
void variables_start(void);

#endif
