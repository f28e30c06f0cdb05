/* The attacker: does what its request names, "ATTACK NUMBER"; "serve NUMBER" is an ordinary
 * request, "op" one that uses the accelerator host. See attacker.h. */
#include "attacker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "messages.h"

#define ATTACK(name, ...) int attack_##name(uint64_t number);
#include "attacks.def"
#undef ATTACK

static const struct {
	const char *name;
	int (*attack)(uint64_t number);
} attacks[] = {
#define ATTACK(name, ...) {#name, attack_##name},
#include "attacks.def"
#undef ATTACK
};

/* Only a clean machine answers like this: a request of its own, and nothing of others. */
static int serve(uint64_t number)
{
	static uint64_t served;
	if (served++)
		return 3;
	return printf("served %lu\n", number) < 0;
}

/* The first session of a clean connection has number 1. */
static int serve_op(void)
{
	int64_t session = message_open_session();
	return printf("session %ld, op %d\n", session, message_noop(session)) < 0;
}

static int attack(const char *name, uint64_t number)
{
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (!strcmp(name, attacks[i].name))
			return attacks[i].attack(number) ? SUCCEEDED : 0;
	return 2;
}

/* With arguments it attacks before it reads its request: its set-up is hostile. */
int main(int argc, char **argv)
{
	char request[128] = "";
	if (argc == 3) {
		int status = attack(argv[1], strtoull(argv[2], NULL, 0));
		if (status)
			return status;
	}
	if (read(STDIN_FILENO, request, sizeof(request) - 1) < 0)
		return 2;
	char *space = strchr(request, ' ');
	uint64_t number = space ? strtoull(space, NULL, 0) : 0;
	if (space)
		*space = 0;
	if (!strcmp(request, "serve"))
		return serve(number);
	if (!strcmp(request, "op"))
		return serve_op();
	return attack(request, number);
}
