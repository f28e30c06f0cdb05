/* Fuzzes what the OCI runtime makes of config.json, of a file for `exec --process` and of one for
 * `update --resources`: the input is each of them.
 *
 * Beyond not crashing: what is accepted has what must be there, in its range, and paths that have to be
 * absolute are; what is not has a sentence and leaves nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oci/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool promise)
{
	if (!promise)
		abort();
}

/* Looks at each byte, which the sanitizer sees. */
static size_t count(const char *const *texts, bool absolute)
{
	size_t length = 0;
	for (; *texts; texts++) {
		expect(!absolute || **texts == '/');
		length += strlen(*texts);
	}
	return length;
}

static void check_resources(const struct oci_resources *resources)
{
	for (int i = 0; i < OCI_LIMITS; i++)
		expect(resources->limits[i].given ? resources->limits[i].value >= -1
						  : !resources->limits[i].value);
	for (size_t i = 0; i < resources->unified_count; i++)
		expect(!strchr(resources->unified[i].name, '/') && resources->unified[i].value);
	for (size_t i = 0; i < resources->huge_page_count; i++)
		expect(strlen(resources->huge_pages[i].page_size) <= 6);
	for (size_t i = 0; i < resources->io_rule_count; i++)
		expect(resources->io_rules[i].kind <= OCI_IO_DEVICE_WEIGHT &&
		       resources->io_rules[i].major < 4096);
}

static void check_process(const struct oci_process *process)
{
	expect(process->arguments[0] && *process->arguments[0] && *process->directory == '/');
	count(process->arguments, false);
	count(process->environment, false);
	expect(process->user.uid != UINT32_MAX && process->user.gid != UINT32_MAX);
	expect(process->user.umask <= 0777);
	for (size_t i = 0; i < process->rlimit_count; i++)
		expect(process->rlimits[i].resource < RLIM_NLIMITS &&
		       process->rlimits[i].limit.rlim_cur <= process->rlimits[i].limit.rlim_max);
}

static void check_config(const struct oci_config *config)
{
	expect(!strncmp(config->version, "1.", 2) && *config->root);
	check_process(&config->process);
	check_resources(&config->resources);
	count(config->masked_paths, true);
	count(config->read_only_paths, true);
	for (size_t i = 0; i < config->mount_count; i++) {
		const struct oci_mount *mount = &config->mounts[i];
		expect(*mount->destination == '/' && mount->type && mount->propagation);
		expect(mount->kind != OCI_MOUNT_BIND || (*mount->source && !mount->data[0]));
		count(mount->data, false);
	}
	for (size_t i = 0; i < OCI_HOOKS; i++)
		for (size_t j = 0; j < config->hooks[i].count; j++) {
			const struct oci_hook *hook = &config->hooks[i].hooks[j];
			expect(*hook->path == '/' && hook->arguments[0]);
			count(hook->arguments, false);
			count(hook->environment, false);
		}
	for (size_t i = 0; i < OCI_NAMESPACES; i++)
		expect(!config->namespaces[i].path ||
		       (config->namespaces[i].given && *config->namespaces[i].path == '/'));
	for (size_t i = 0; i < config->annotation_count; i++)
		expect(oci_config_annotation(config, config->annotations[i].name) != NULL);
	for (size_t i = 0; i < config->sysctl_count; i++)
		expect(!strstr(config->sysctls[i].name, "..") &&
		       !strchr(config->sysctls[i].name, '/'));
	expect(config->settings.slots && config->settings.slots <= OCI_SLOTS_MAX);
	expect(config->settings.contract == OCI_CONTRACT_STDIO || config->settings.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oci_config config;
	struct oci_process process;
	struct oci_resources resources;
	struct error error = {0};
	int result = oci_config_parse((const char *)data, size, &config, &error);
	if (!result)
		check_config(&config);
	else
		expect((result == -EINVAL || result == -ENOMEM) && *error.text && !config.tree);
	oci_config_release(&config);
	if (!oci_process_parse((const char *)data, size, &process, &error))
		check_process(&process);
	oci_process_release(&process);
	if (!oci_resources_parse((const char *)data, size, &resources, &error))
		check_resources(&resources);
	oci_resources_release(&resources);
	return 0;
}
