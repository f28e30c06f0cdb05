/* libtorch in C; see shim.h. */
#include "shim.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/script.h>
#include <torch/version.h>

struct torch_shim_model {
	torch::jit::Module module;
	std::vector<std::string> names; /* of inputs */
	size_t least, outputs;
};

namespace
{

const struct {
	int element;
	at::ScalarType type;
} types[] = {
    {1, at::kFloat},   {2, at::kByte},		{3, at::kChar},		  {5, at::kShort},
    {6, at::kInt},     {7, at::kLong},		{9, at::kBool},		  {10, at::kHalf},
    {11, at::kDouble}, {14, at::kComplexFloat}, {15, at::kComplexDouble}, {16, at::kBFloat16},
};

int fail(char *text, int error, const char *message)
{
	snprintf(text, TORCH_SHIM_TEXT, "%s", message);
	return -error;
}

/* An operator's own words come after a listing of the model's code. */
const char *own_words(const char *message)
{
	static const char mark[] = "RuntimeError: ";
	for (const char *next; (next = strstr(message, mark));)
		message = next + sizeof(mark) - 1;
	return message;
}

/* Calls what may throw. */
template <typename Work> int guard(char *text, Work work)
{
	try {
		return work();
	} catch (const std::bad_alloc &) {
		return fail(text, ENOMEM, "no memory");
	} catch (const c10::Error &error) {
		return fail(text, EINVAL, own_words(error.what_without_backtrace()));
	} catch (const std::exception &error) {
		return fail(text, EINVAL, own_words(error.what()));
	} catch (...) {
		return fail(text, EINVAL, "an exception without a text");
	}
}

/* A tensor is one output; a tuple of a known length, and a list of an unknown one, are several. */
size_t count_outputs(const c10::FunctionSchema &schema)
{
	if (schema.returns().size() != 1)
		return 0;
	const auto &type = schema.returns()[0].type();
	if (auto tuple = type->cast<c10::TupleType>())
		return tuple->elements().size();
	return type->isSubtypeOf(*c10::TensorType::get()) ? 1 : 0;
}

int load(const void *bytes, size_t size, torch_shim_model **out, char *text)
{
	return guard(text, [&] {
		std::istringstream stream(std::string(static_cast<const char *>(bytes), size));
		std::unique_ptr<torch_shim_model> model(new torch_shim_model());
		model->module = torch::jit::load(stream, at::Device(at::kCPU));
		model->module.eval();
		auto method = model->module.find_method("forward");
		if (!method)
			return fail(text, EINVAL, "the model has no method forward()");
		const auto &schema = method->function().getSchema();
		model->outputs = count_outputs(schema);
		for (size_t i = 1; i < schema.arguments().size(); i++) { /* after self */
			model->names.push_back(schema.arguments()[i].name());
			if (!schema.arguments()[i].default_value())
				model->least = i;
		}
		*out = model.release();
		return 0;
	});
}

void destroy(torch_shim_model *model)
{
	char text[TORCH_SHIM_TEXT];
	guard(text, [&] {
		delete model;
		return 0;
	});
}

void count_inputs(const torch_shim_model *model, size_t *least, size_t *most)
{
	*least = model->least;
	*most = model->names.size();
}

const char *input_name(const torch_shim_model *model, size_t place)
{
	return model->names[place].c_str();
}

size_t outputs_of(const torch_shim_model *model)
{
	return model->outputs;
}

int wrap(const torch_shim_tensor &input, at::Tensor &tensor, char *text)
{
	for (const auto &entry : types) {
		if (entry.element != input.element)
			continue;
		const at::IntArrayRef shape(input.shape, input.rank);
		/* Operators may write into their input, and the caller into this memory. */
		tensor = input.data ? torch::from_blob(input.data, shape, entry.type).clone()
				    : torch::empty(shape, entry.type);
		return 0;
	}
	return fail(text, ENOTSUP, "TorchScript has no tensors of an input's type");
}

int add_outputs(const c10::IValue &value, std::vector<at::Tensor> &found, char *text)
{
	if (value.isTensor())
		found.push_back(value.toTensor());
	else if (value.isTensorList())
		for (const at::Tensor &tensor : value.toTensorVector())
			found.push_back(tensor);
	else if (value.isTuple())
		for (const auto &element : value.toTupleRef().elements()) {
			if (!element.isTensor())
				return fail(text, ENOTSUP, "an output in a tuple is no tensor");
			found.push_back(element.toTensor());
		}
	else
		return fail(text, ENOTSUP,
			    "the model gives neither a tensor nor a tuple or list of tensors");
	return 0;
}

int copy(const at::Tensor &given, torch_shim_tensor &output, char *text)
{
	if (!given.defined() || given.layout() != at::kStrided || given.is_quantized())
		return fail(text, ENOTSUP, "an output is no dense tensor");
	const at::Tensor tensor = given.contiguous().resolve_conj().resolve_neg();
	if (tensor.dim() > TORCH_SHIM_RANK_MAX)
		return fail(text, EINVAL, "an output has more than 16 dimensions");
	for (const auto &entry : types)
		if (entry.type == tensor.scalar_type())
			output.element = entry.element;
	if (!output.element)
		return fail(text, ENOTSUP, "an output has elements of a type that cannot be given");
	output.rank = static_cast<size_t>(tensor.dim());
	for (size_t i = 0; i < output.rank; i++)
		output.shape[i] = tensor.size(static_cast<int64_t>(i));
	output.size = tensor.nbytes();
	output.data = malloc(output.size ? output.size : 1);
	if (!output.data)
		return fail(text, ENOMEM, "no memory for an output");
	if (output.size)
		memcpy(output.data, tensor.data_ptr(), output.size);
	return 0;
}

int compute(torch_shim_model *model, const torch_shim_tensor *inputs, size_t count,
	    torch_shim_tensor *outputs, size_t wanted, char *text)
{
	const c10::InferenceMode no_gradients;
	std::vector<c10::IValue> arguments;
	std::vector<at::Tensor> found;
	int result = 0;
	for (size_t i = 0; !result && i < count; i++) {
		at::Tensor tensor;
		result = wrap(inputs[i], tensor, text);
		arguments.emplace_back(tensor);
	}
	if (!result)
		result = add_outputs(model->module.forward(arguments), found, text);
	if (!result && found.size() < wanted)
		result = fail(text, EINVAL, "the model gives fewer outputs than are asked for");
	for (size_t i = 0; !result && i < wanted; i++)
		result = copy(found[i], outputs[i], text);
	return result;
}

int run(torch_shim_model *model, const torch_shim_tensor *inputs, size_t count,
	torch_shim_tensor *outputs, size_t wanted, char *text)
{
	for (size_t i = 0; i < wanted; i++)
		outputs[i] = torch_shim_tensor();
	int result =
	    guard(text, [&] { return compute(model, inputs, count, outputs, wanted, text); });
	for (size_t i = 0; result && i < wanted; i++) {
		free(outputs[i].data);
		outputs[i] = torch_shim_tensor();
	}
	return result;
}

const torch_shim shim = {TORCH_SHIM_VERSION, TORCH_VERSION, load,	destroy,
			 count_inputs,	     input_name,    outputs_of, run};

} // namespace

extern "C" __attribute__((visibility("default"))) const torch_shim *mayfly_torch_shim(void)
{
	char text[TORCH_SHIM_TEXT];
	const int result = guard(text, [] {
		at::set_num_threads(1);
		at::set_num_interop_threads(1);
		return 0;
	});
	return result ? nullptr : &shim;
}
