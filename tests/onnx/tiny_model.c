/* ONNX models of a few bytes; see tiny_model.h. Field numbers are those of onnx.proto. */
#include "tiny_model.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { FLOAT = 1, INT64 = 7, BOOL = 9 };
enum { MODEL_VERSION = 1, MODEL_GRAPH = 7, MODEL_OPERATORS = 8 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_CONSTANT = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_OPERATOR = 4, NODE_ATTRIBUTE = 5 };

static void put_varint(struct tiny_model *message, uint64_t value)
{
	do {
		uint8_t byte = value & 0x7f;
		value >>= 7;
		message->bytes[message->length++] = value ? byte | 0x80 : byte;
	} while (value);
}

static void put_number(struct tiny_model *message, unsigned field, uint64_t value)
{
	put_varint(message, field << 3);
	put_varint(message, value);
}

static void put_bytes(struct tiny_model *message, unsigned field, const void *data, size_t length)
{
	put_varint(message, field << 3 | 2);
	put_varint(message, length);
	memcpy(message->bytes + message->length, data, length);
	message->length += length;
}

static void put_text(struct tiny_model *message, unsigned field, const char *text)
{
	put_bytes(message, field, text, strlen(text));
}

static void put_message(struct tiny_model *message, unsigned field, const struct tiny_model *inner)
{
	put_bytes(message, field, inner->bytes, inner->length);
}

/* A graph's input or output. */
static void put_port(struct tiny_model *graph, unsigned field, const char *name, int element,
		     const int64_t *sizes, size_t rank)
{
	struct tiny_model shape = {.length = 0}, tensor = {.length = 0}, type = {.length = 0};
	struct tiny_model port = {.length = 0};
	for (size_t i = 0; i < rank; i++) {
		struct tiny_model dimension = {.length = 0};
		if (sizes[i] < 0) /* any */
			put_text(&dimension, 2, "rows");
		else
			put_number(&dimension, 1, (uint64_t)sizes[i]);
		put_message(&shape, 1, &dimension);
	}
	put_number(&tensor, 1, (uint64_t)element);
	put_message(&tensor, 2, &shape);
	put_message(&type, 1, &tensor);
	put_text(&port, 1, name);
	put_message(&port, 2, &type);
	put_message(graph, field, &port);
}

static struct tiny_model node(const char *operator, const char * const * inputs, size_t input_count,
			      const char *const *outputs, size_t output_count)
{
	struct tiny_model node = {.length = 0};
	for (size_t i = 0; i < input_count; i++)
		put_text(&node, NODE_INPUT, inputs[i]);
	for (size_t i = 0; i < output_count; i++)
		put_text(&node, NODE_OUTPUT, outputs[i]);
	put_text(&node, NODE_OPERATOR, operator);
	return node;
}

static void put_node(struct tiny_model *graph, const char *operator, const char * first,
		     const char *second, const char *output)
{
	const char *inputs[] = {first, second};
	struct tiny_model made = node(operator, inputs, second ? 2 : 1, &output, 1);
	put_message(graph, GRAPH_NODE, &made);
}

static void put_int64s(struct tiny_model *graph, const char *name, const int64_t *values,
		       size_t count, bool scalar)
{
	struct tiny_model tensor = {.length = 0};
	if (!scalar)
		put_number(&tensor, 1, count);
	put_number(&tensor, 2, INT64);
	put_text(&tensor, 8, name);
	put_bytes(&tensor, 9, values, count * sizeof(values[0]));
	put_message(graph, GRAPH_CONSTANT, &tensor);
}

static void put_model(struct tiny_model *model, struct tiny_model *graph)
{
	struct tiny_model operators = {.length = 0};
	put_text(graph, GRAPH_NAME, "tiny");
	put_number(&operators, 2, 13);
	model->length = 0;
	put_number(model, MODEL_VERSION, 7);
	put_message(model, MODEL_GRAPH, graph);
	put_message(model, MODEL_OPERATORS, &operators);
}

void tiny_model_double(struct tiny_model *model, int64_t count)
{
	struct tiny_model graph = {.length = 0};
	put_node(&graph, "Add", "x", "x", "y");
	put_port(&graph, GRAPH_INPUT, "x", FLOAT, &count, 1);
	put_port(&graph, GRAPH_OUTPUT, "y", FLOAT, &count, 1);
	put_model(model, &graph);
}

void tiny_model_endless(struct tiny_model *model)
{
	static const int64_t one = 1, often = INT64_C(1) << 62;
	static const char *const inputs[] = {"often", "", "x"}, *const outputs[] = {"y"};
	struct tiny_model body = {.length = 0}, attribute = {.length = 0}, graph = {.length = 0};
	put_node(&body, "Identity", "go_on", NULL, "going_on");
	put_node(&body, "Add", "before", "before", "after");
	put_text(&body, GRAPH_NAME, "body");
	put_port(&body, GRAPH_INPUT, "turn", INT64, NULL, 0);
	put_port(&body, GRAPH_INPUT, "go_on", BOOL, NULL, 0);
	put_port(&body, GRAPH_INPUT, "before", FLOAT, &one, 1);
	put_port(&body, GRAPH_OUTPUT, "going_on", BOOL, NULL, 0);
	put_port(&body, GRAPH_OUTPUT, "after", FLOAT, &one, 1);
	put_text(&attribute, 1, "body");
	put_message(&attribute, 6, &body);
	put_number(&attribute, 20, 5); /* the attribute is a graph */
	struct tiny_model loop = node("Loop", inputs, 3, outputs, 1);
	put_message(&loop, NODE_ATTRIBUTE, &attribute);
	put_message(&graph, GRAPH_NODE, &loop);
	put_int64s(&graph, "often", &often, 1, true);
	put_port(&graph, GRAPH_INPUT, "x", FLOAT, &one, 1);
	put_port(&graph, GRAPH_OUTPUT, "y", FLOAT, &one, 1);
	put_model(model, &graph);
}

void tiny_model_blue(struct tiny_model *model, int64_t side)
{
	static const int64_t blue = 2;
	const int64_t picture[] = {1, side, side, 3}, plane[] = {1, side, side, 1};
	static const char *const inputs[] = {"x", "blue"}, *const outputs[] = {"y"};
	struct tiny_model graph = {.length = 0}, attribute = {.length = 0};
	put_text(&attribute, 1, "axis");
	put_number(&attribute, 3, 3);
	put_number(&attribute, 20, 2); /* the attribute is a number */
	struct tiny_model gather = node("Gather", inputs, 2, outputs, 1);
	put_message(&gather, NODE_ATTRIBUTE, &attribute);
	put_message(&graph, GRAPH_NODE, &gather);
	put_int64s(&graph, "blue", &blue, 1, false);
	put_port(&graph, GRAPH_INPUT, "x", FLOAT, picture, 4);
	put_port(&graph, GRAPH_OUTPUT, "y", FLOAT, plane, 4);
	put_model(model, &graph);
}

void tiny_model_flood(struct tiny_model *model)
{
	static const int64_t one = 1;
	struct tiny_model graph = {.length = 0};
	put_node(&graph, "ConstantOfShape", "x", NULL, "y");
	put_port(&graph, GRAPH_INPUT, "x", INT64, &one, 1);
	put_port(&graph, GRAPH_OUTPUT, "y", FLOAT, &one, 1);
	put_model(model, &graph);
}

void tiny_model_dense(struct tiny_model *model, int64_t side, unsigned layers)
{
	static const char *const names[] = {"x", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8"};
	static const char *const products[] = {"p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"};
	const int64_t square[] = {side, side}, rows[] = {-1, side};
	struct tiny_model graph = {.length = 0};
	/* Numbers of which no two are alike, as they are in a trained model: sines of 0, 1, 2, … */
	const int64_t zero = 0, one = 1, all = side * side;
	put_int64s(&graph, "zero", &zero, 1, true);
	put_int64s(&graph, "one", &one, 1, true);
	put_int64s(&graph, "all", &all, 1, true);
	put_int64s(&graph, "square", square, 2, false);
	static const char *const range[] = {"zero", "all", "one"}, *const numbers[] = {"numbers"};
	struct tiny_model count = node("Range", range, 3, numbers, 1);
	struct tiny_model cast = node("Cast", numbers, 1, &(const char *){"floats"}, 1);
	struct tiny_model to = {.length = 0};
	put_text(&to, 1, "to");
	put_number(&to, 3, FLOAT);
	put_number(&to, 20, 2); /* the attribute is a number */
	put_message(&cast, NODE_ATTRIBUTE, &to);
	put_message(&graph, GRAPH_NODE, &count);
	put_message(&graph, GRAPH_NODE, &cast);
	put_node(&graph, "Sin", "floats", NULL, "sines");
	put_node(&graph, "Reshape", "sines", "square", "weights");
	for (unsigned i = 0; i < layers; i++) {
		bool last = i + 1 == layers;
		put_node(&graph, "MatMul", names[i], "weights", last ? "y" : products[i]);
		if (!last)
			put_node(&graph, "Abs", products[i], NULL, names[i + 1]);
	}
	put_port(&graph, GRAPH_INPUT, "x", FLOAT, rows, 2);
	put_port(&graph, GRAPH_OUTPUT, "y", FLOAT, rows, 2);
	put_model(model, &graph);
}

void tiny_model_slow_to_load(struct tiny_model *model, int64_t side, unsigned products)
{
	static const char *const names[] = {"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"};
	static const int64_t one = 1;
	const int64_t square[] = {side, side};
	struct tiny_model graph = {.length = 0};
	put_node(&graph, "ConstantOfShape", "square", NULL, names[0]);
	for (unsigned i = 0; i < products; i++)
		put_node(&graph, "MatMul", names[i], names[i], names[i + 1]);
	put_node(&graph, "Add", "x", names[products], "y");
	put_int64s(&graph, "square", square, 2, false);
	put_port(&graph, GRAPH_INPUT, "x", FLOAT, &one, 1);
	put_port(&graph, GRAPH_OUTPUT, "y", FLOAT, square, 2);
	put_model(model, &graph);
}

void tiny_model_circle(struct tiny_model *model)
{
	static const int64_t one = 1;
	struct tiny_model graph = {.length = 0};
	put_node(&graph, "Add", "x", "y", "z");
	put_node(&graph, "Add", "x", "z", "y");
	put_port(&graph, GRAPH_INPUT, "x", FLOAT, &one, 1);
	put_port(&graph, GRAPH_OUTPUT, "y", FLOAT, &one, 1);
	put_model(model, &graph);
}

void tiny_model_sort(struct tiny_model *model, int64_t count)
{
	static const char *const inputs[] = {"x", "all"}, *const outputs[] = {"y", "places"};
	struct tiny_model graph = {.length = 0};
	struct tiny_model top = node("TopK", inputs, 2, outputs, 2);
	put_message(&graph, GRAPH_NODE, &top);
	put_int64s(&graph, "all", &count, 1, false);
	put_port(&graph, GRAPH_INPUT, "x", FLOAT, &count, 1);
	put_port(&graph, GRAPH_OUTPUT, "y", FLOAT, &count, 1);
	put_model(model, &graph);
}

void tiny_model_sum(struct tiny_model *model, unsigned count)
{
	static const int64_t one = 1;
	struct tiny_model graph = {.length = 0}, sum = {.length = 0};
	char name[16];
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		put_text(&sum, NODE_INPUT, name);
		put_port(&graph, GRAPH_INPUT, name, FLOAT, &one, 1);
	}
	put_text(&sum, NODE_OUTPUT, "y");
	put_text(&sum, NODE_OPERATOR, "Sum");
	put_message(&graph, GRAPH_NODE, &sum);
	put_port(&graph, GRAPH_OUTPUT, "y", FLOAT, &one, 1);
	put_model(model, &graph);
}
