/* Forgetting the environment; see environment.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"

void environment_forget(void)
{
	for (char **variable = environ; *variable; variable++)
		explicit_bzero(*variable, strlen(*variable));
	clearenv();
}
