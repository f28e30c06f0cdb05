/* Signatures of SavedModels; see signature.h. */
#include "signature.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protobuf.h"

#define PORTS_MAX 4096

static struct signature_text text_of(struct protobuf content)
{
	return (struct signature_text){(const char *)content.next,
				       (size_t)(content.end - content.next)};
}

static bool is_text(struct signature_text text, const char *wanted)
{
	return text.length == strlen(wanted) && !memcmp(text.bytes, wanted, text.length);
}

/* An entry of a map: a name, and a message. */
static int read_entry(struct protobuf entry, struct signature_text *name, struct protobuf *value)
{
	enum { KEY = 1, VALUE = 2 };
	struct protobuf_field field;
	int more;
	*name = (struct signature_text){"", 0};
	*value = protobuf_of("", 0);
	while ((more = protobuf_next(&entry, &field)) > 0) {
		if (field.number == KEY && field.is_bytes)
			*name = text_of(field.content);
		if (field.number == VALUE && field.is_bytes)
			*value = field.content;
	}
	return more;
}

/* A TensorInfo. What it has no name for, such as a sparse tensor, is none that can be given. */
static int read_port(struct protobuf entry, struct signature_port *port)
{
	enum { NAME = 1 };
	struct protobuf info;
	struct protobuf_field field;
	port->tensor = (struct signature_text){"", 0};
	int more = read_entry(entry, &port->name, &info);
	if (more)
		return more;
	while ((more = protobuf_next(&info, &field)) > 0)
		if (field.number == NAME && field.is_bytes)
			port->tensor = text_of(field.content);
	return more;
}

static int add_port(struct signature_port **ports, size_t *count, struct protobuf entry)
{
	if (*count == PORTS_MAX)
		return -EINVAL;
	struct signature_port *grown = reallocarray(*ports, *count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*ports = grown;
	return read_port(entry, &grown[(*count)++]);
}

static int compare_ports(const void *a, const void *b)
{
	const struct signature_port *left = a, *right = b;
	const size_t shorter =
	    left->name.length < right->name.length ? left->name.length : right->name.length;
	int order = memcmp(left->name.bytes, right->name.bytes, shorter);
	return order ? order
		     : (left->name.length > right->name.length) -
			   (left->name.length < right->name.length);
}

/* A SignatureDef. */
static int read_signature(struct protobuf message, struct signature *signature)
{
	enum { INPUTS = 1, OUTPUTS = 2 };
	struct protobuf_field field;
	int result = 0, more = 0;
	while (!result && (more = protobuf_next(&message, &field)) > 0) {
		if (field.number == INPUTS && field.is_bytes)
			result =
			    add_port(&signature->inputs, &signature->input_count, field.content);
		if (field.number == OUTPUTS && field.is_bytes)
			result =
			    add_port(&signature->outputs, &signature->output_count, field.content);
	}
	if (result || more)
		return result ? result : more;
	if (signature->inputs)
		qsort(signature->inputs, signature->input_count, sizeof(*signature->inputs),
		      compare_ports);
	if (signature->outputs)
		qsort(signature->outputs, signature->output_count, sizeof(*signature->outputs),
		      compare_ports);
	return 0;
}

/* Finds the one that is meant among all signatures of the model. */
static int choose(struct protobuf message, struct protobuf *chosen)
{
	enum { SIGNATURES = 5 };
	struct protobuf_field field;
	int more;
	bool found = false;
	*chosen = protobuf_of("", 0);
	while ((more = protobuf_next(&message, &field)) > 0) {
		struct signature_text name;
		struct protobuf value;
		if (field.number != SIGNATURES || !field.is_bytes)
			continue;
		if (read_entry(field.content, &name, &value))
			return -EINVAL;
		if (is_text(name, "serving_default")) {
			*chosen = value;
			return 0;
		}
		if (!found && !is_text(name, "__saved_model_init_op")) {
			*chosen = value;
			found = true;
		}
	}
	return more;
}

int signature_read(const void *bytes, size_t length, struct signature *signature,
		   struct error *error)
{
	struct protobuf chosen;
	*signature = (struct signature){0};
	int result = choose(protobuf_of(bytes, length), &chosen);
	if (!result)
		result = read_signature(chosen, signature);
	if (result)
		signature_release(signature);
	return result ? error_set(error, -result, "the model's signature cannot be read") : 0;
}

void signature_release(struct signature *signature)
{
	free(signature->inputs);
	free(signature->outputs);
	*signature = (struct signature){0};
}
