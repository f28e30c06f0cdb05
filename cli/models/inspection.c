/* Looking into models; see inspection.h. */
#include "cli/models/inspection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/format.h"
#include "models/saved_model_files.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/json_text.h"
#include "util/text.h"

static int load(struct inspection *inspection, struct error *error)
{
	int result = engines_init(&inspection->engines, error);
	inspection->has_engines = !result;
	if (!result)
		result = engines_create_network(&inspection->engines, &inspection->model->source,
						&inspection->network, error);
	return result;
}

/* The format is what the name says, else what the content does. */
static int find_format(const char *path, enum network_format *format, struct error *error)
{
	struct stat status;
	if (stat(path, &status))
		return error_set_errno(error, errno, "cannot open %s", path);
	if (S_ISDIR(status.st_mode)) {
		*format = NETWORK_SAVED_MODEL;
		return 0;
	}
	if (format_of_name(path, format) && *format != NETWORK_SAVED_MODEL)
		return 0;
	char head[FORMAT_HEAD_SIZE];
	cleanup_fclose FILE *file = fopen(path, "re");
	if (!file)
		return error_set_errno(error, errno, "cannot open %s", path);
	*format = format_of_head(head, fread(head, 1, sizeof(head), file));
	return 0;
}

int inspection_open_path(struct inspection *inspection, const char *path, struct error *error)
{
	const char *slash = strrchr(path, '/');
	inspection->model = model_new(slash ? slash + 1 : path, error);
	if (!inspection->model)
		return -ENOMEM;
	struct network_source *source = &inspection->model->source;
	int result = find_format(path, &source->format, error);
	if (result)
		return result;
	source->path = strdup(path);
	if (!source->path)
		return error_set(error, ENOMEM, "no memory for a file name");
	if (source->format == NETWORK_SAVED_MODEL)
		result = saved_model_files_read(path, source->hash, &source->size, error);
	else
		result = hash_file(path, source->hash, error);
	if (!result)
		result = load(inspection, error);
	return result ? error_wrap(error, "%s", path) : 0;
}

int inspection_open_installed(struct inspection *inspection, const char *name, struct error *error)
{
	struct installed_models installed;
	installed_models_init(&installed);
	int result = installed_models_get(&installed, name, &inspection->model, error);
	installed_models_release(&installed);
	if (result)
		return result;
	result = load(inspection, error);
	return result ? error_wrap(error, "model %s", name) : 0;
}

void inspection_close(struct inspection *inspection)
{
	if (inspection->network)
		network_destroy(inspection->network);
	if (inspection->has_engines)
		engines_release(&inspection->engines);
	if (inspection->model)
		model_drop(inspection->model);
}

void inspection_describe_port(const struct network_port *port, char text[PORT_TEXT_SIZE])
{
	size_t used = (size_t)snprintf(text, PORT_TEXT_SIZE, "%s", element_name(port->element));
	if (port->kind != NETWORK_PORT_TENSOR || port->any_rank) {
		snprintf(text + used, PORT_TEXT_SIZE - used, " of any shape");
		return;
	}
	used += (size_t)snprintf(text + used, PORT_TEXT_SIZE - used, " [");
	for (size_t i = 0; i < port->rank; i++) {
		const char *comma = i ? ", " : "";
		if (port->shape[i] < 0)
			used +=
			    (size_t)snprintf(text + used, PORT_TEXT_SIZE - used, "%sany", comma);
		else
			used += (size_t)snprintf(text + used, PORT_TEXT_SIZE - used, "%s%jd", comma,
						 (intmax_t)port->shape[i]);
	}
	snprintf(text + used, PORT_TEXT_SIZE - used, "]");
}

static void print_ports(const char *what, const struct network_port *ports, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[PORT_TEXT_SIZE], name[256];
		inspection_describe_port(&ports[i], text);
		snprintf(name, sizeof(name), "%s", ports[i].name);
		text_make_line(name, strlen(name));
		printf("%-8s  %-32s %s\n", i ? "" : what, name, text);
	}
}

void inspection_print(const struct inspection *inspection)
{
	const struct model *model = inspection->model;
	const struct network *network = inspection->network;
	printf("%-8s  %s\n", "name", model->name);
	printf("%-8s  %s\n", "format", network_format_name(model->source.format));
	printf("%-8s  %.1f MB, counts as %.1f MB while it is loaded\n", "size",
	       (double)network->bytes / 1e6, (double)network_memory(network->bytes) / 1e6);
	if (model->described)
		printf("%-8s  %s, of %u classes\n", "task",
		       description_task_name(model->description.task), model->description.classes);
	else
		printf("%-8s  none: tensors in, tensors out\n", "task");
	print_ports("inputs", network->inputs, network->input_count);
	print_ports("outputs", network->outputs, network->output_count);
}

static json_t *ports_to_json(const struct network_port *ports, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct network_port *port = &ports[i];
		json_t *shape = port->any_rank ? json_null() : json_array();
		for (size_t j = 0; !port->any_rank && j < port->rank; j++)
			json_array_append_new(
			    shape, port->shape[j] < 0 ? json_null() : json_integer(port->shape[j]));
		json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "name",
						      json_text(port->name), "type",
						      element_name(port->element), "shape", shape));
	}
	return list;
}

json_t *inspection_to_json(const struct inspection *inspection)
{
	const struct model *model = inspection->model;
	const struct network *network = inspection->network;
	return json_pack("{s:o, s:s, s:I, s:I, s:s, s:o, s:o}", "name", json_text(model->name),
			 "format", network_format_name(model->source.format), "bytes",
			 (json_int_t)network->bytes, "memory",
			 (json_int_t)network_memory(network->bytes), "task",
			 model->described ? description_task_name(model->description.task) : "",
			 "inputs", ports_to_json(network->inputs, network->input_count), "outputs",
			 ports_to_json(network->outputs, network->output_count));
}
