#!/usr/bin/env python3
"""Makes the models of TensorFlow and TensorFlow Lite among these cases, and tensorflow_answers.h
with what TensorFlow itself says to them. Needs tensorflow-cpu 2.21.0 (274 MB), so it is run by hand:

    python3 -m venv /tmp/tf && /tmp/tf/bin/pip install tensorflow-cpu==2.21.0
    /tmp/tf/bin/python tests/onnx/cases/make_tensorflow.py ~/.cache/mayfly/tflite/hey_mycroft.tflite
"""

import os
import pathlib
import shutil
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy
import tensorflow

HERE = pathlib.Path(__file__).resolve().parent
answers = []


def record(name, array):
    array = numpy.asarray(array)
    kinds = {"float32": "float", "int32": "int32_t", "int8": "int8_t", "uint8": "uint8_t",
             "int64": "int64_t", "float64": "double"}
    values = ", ".join(f"{value:.9g}" if array.dtype.kind == "f" else str(value)
                       for value in array.ravel())
    answers.append(f"static const {kinds[array.dtype.name]} {name}[] = {{{values}}};\n")


class Small(tensorflow.Module):
    """y = relu(x · weights + bias), of any number of rows; and how many rows there were."""

    def __init__(self):
        generator = numpy.random.default_rng(12)
        self.weights = tensorflow.Variable(
            generator.standard_normal((4, 3)).astype("float32"), name="weights")
        self.bias = tensorflow.Variable(numpy.float32([0.5, -0.5, 0.25]), name="bias")

    @tensorflow.function(input_signature=[tensorflow.TensorSpec([None, 4], "float32", "x"),
                                          tensorflow.TensorSpec([], "int32", "k")])
    def run(self, x, k):
        y = tensorflow.nn.relu(x @ self.weights + self.bias)
        return {"rows": tensorflow.shape(x)[0] * k, "y": y}


class Text(tensorflow.Module):
    @tensorflow.function(input_signature=[tensorflow.TensorSpec([None], "string", "words")])
    def run(self, words):
        return {"upper": tensorflow.strings.upper(words),
                "length": tensorflow.strings.length(words)}


class Custom(tensorflow.Module):
    """An operation of TensorFlow's that TensorFlow Lite has not."""

    @tensorflow.function(input_signature=[tensorflow.TensorSpec([2], "float32", "x")])
    def run(self, x):
        return {"y": tensorflow.math.digamma(x)}


class Column(tensorflow.Module):
    """Texts, one in a row: what TensorFlow Lite can do with texts by itself."""

    @tensorflow.function(input_signature=[tensorflow.TensorSpec([3], "string", "words")])
    def run(self, words):
        return {"column": tensorflow.reshape(words, [3, 1])}


class Types(tensorflow.Module):
    """One of each type comes back, doubled where that can be."""

    @tensorflow.function(input_signature=[
        tensorflow.TensorSpec([2], "int64", "a"), tensorflow.TensorSpec([2], "uint8", "b"),
        tensorflow.TensorSpec([2], "bool", "c")])
    def run(self, a, b, c):
        return {"a2": a + a, "b1": tensorflow.reshape(b, [1, 2]),
                "not_c": tensorflow.math.logical_not(c)}


def convert(module, name, custom=False):
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions(
        [module.run.get_concrete_function()], module)
    converter.allow_custom_ops = custom
    model = converter.convert()
    (HERE / f"{name}.tflite").write_bytes(model)
    return tensorflow.lite.Interpreter(model_content=model) if not custom else None


def run(interpreter, *inputs):
    for details, value in zip(interpreter.get_input_details(), inputs):
        interpreter.resize_tensor_input(details["index"], value.shape)
    interpreter.allocate_tensors()
    for details, value in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(details["index"], value)
    interpreter.invoke()
    return [(details["name"], interpreter.get_tensor(details["index"]))
            for details in interpreter.get_output_details()]


SOUNDS = 32


def make_sound(n):
    """As test_tflite.c makes it."""
    i = numpy.arange(120)
    sound = i * 0 - 128 + 17 * n if n < 16 else (i * 37 + n * 61) * (n - 11) % 251 - 125
    return sound.clip(-128, 127).astype("int8").reshape(1, 3, 40)


def listen(path):
    interpreter = tensorflow.lite.Interpreter(model_path=path)
    interpreter.allocate_tensors()
    return interpreter


def score(interpreter, sound):
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sound)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).ravel()[0]


def main():
    x = (numpy.arange(8, dtype="float32").reshape(2, 4) - 3) / 2
    record("small_x", x)
    small = Small()
    for name, value in small.run(x, tensorflow.constant(7)).items():
        record(f"saved_{name}", value.numpy())
    shutil.rmtree(HERE / "small_saved_model", ignore_errors=True)
    tensorflow.saved_model.save(small, str(HERE / "small_saved_model"),
                                signatures={"serving_default": small.run})
    interpreter = convert(small, "small")
    print([d["name"] for d in interpreter.get_input_details()])
    order = [x if d["dtype"] == numpy.float32 else numpy.int32(7)
             for d in interpreter.get_input_details()]
    for name, value in run(interpreter, *order):
        print("small", name, value.shape, value.dtype)
        record("lite_y" if value.dtype == numpy.float32 else "lite_rows", value)

    text = Text()
    shutil.rmtree(HERE / "text_saved_model", ignore_errors=True)
    tensorflow.saved_model.save(text, str(HERE / "text_saved_model"),
                                signatures={"serving_default": text.run})
    convert(Custom(), "custom", custom=True)
    column = convert(Column(), "column")
    print(run(column, numpy.array([b"a", b"", b"three"], dtype=object)))
    types = convert(Types(), "types")
    print([(d["name"], d["shape"], d["dtype"]) for d in types.get_input_details()])
    print([(d["name"], d["shape"], d["dtype"]) for d in types.get_output_details()])

    record("mycroft_scores", [score(listen(sys.argv[1]), make_sound(n)) for n in range(SOUNDS)])
    one = listen(sys.argv[1])
    record("mycroft_in_a_row", [score(one, make_sound(n)) for n in range(SOUNDS)])

    head = ("/* What TensorFlow %s answers to the models here. Made by make_tensorflow.py. */\n"
            "/* clang-format off */\n#include <stdint.h>\n\n" % tensorflow.__version__)
    (HERE.parent / "tensorflow_answers.h").write_text(head + "".join(answers))


main()
