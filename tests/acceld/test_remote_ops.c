/* Programs that know vAccel's API only: their ops give the same results at a real mayfly-acceld as they
 * give in the process. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "host.h"

/* Runs the program with the environment of a program whose sessions another side serves. */
static void run_program(const char *path, const char *address)
{
	fprintf(stderr, "%s at %s\n", path, address);
	pid_t child = fork();
	if (!child) {
		setenv("VACCEL_RPC_ADDRESS", address, 1);
		unsetenv("VACCEL_PLUGINS");
		execl(path, path, NULL);
		_exit(127);
	}
	int status = -1;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	CHECK_NUMBER(status, 0);
}

/* A tenant that may call functions, by whichever way the ops' tests do. */
static bool write_config(const char *directory, char *config, size_t size, const char *address)
{
	snprintf(config, size, "%s/acceld.yaml", directory);
	FILE *file = fopen(config, "w");
	if (!file)
		return false;
	fprintf(file,
		"tenants:\n  - name: programs\n    listen: %s\n    run-code: true\n"
		"    host-libraries: %s\n",
		address, directory);
	return !fclose(file);
}

int main(int argc, char *argv[])
{
	struct host host;
	char directory[] = "/tmp/mayfly-test-ops-XXXXXX", config[64], library[64], address[64];
	if (!CHECK(mkdtemp(directory)))
		return check_status();
	snprintf(address, sizeof(address), "unix://%s/socket", directory);
	snprintf(library, sizeof(library), "%s/lib.so", directory);
	FILE *file = fopen(library, "w");
	bool is_made =
	    file && !fclose(file) && write_config(directory, config, sizeof(config), address);
	const char *const arguments[] = {"--config", config, NULL};
	if (CHECK(is_made) && CHECK(!host_start(&host, getenv("NOOP_PLUGIN"), arguments))) {
		for (int i = 1; i < argc; i++)
			run_program(argv[i], address);
		CHECK_NUMBER(host_stop(&host, SIGTERM), 0);
	}
	unlink(config);
	unlink(library);
	unlink(address + strlen("unix://"));
	CHECK(!rmdir(directory));
	return check_status();
}
