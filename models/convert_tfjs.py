#!/usr/bin/env python3
"""Converts a TensorFlow.js graph model (model.json and its weight shards) to ONNX.

    convert_tfjs.py MODEL.json OUT.onnx [--input NODE=NAME:TYPE:1,300,300,3]
                    --output NODE=NAME:1,1917,90 [--output …]...

Only what the outputs need is converted, from the outputs backwards, stopping at placeholders and at
the nodes given with --input: this cuts off in-graph preparation (resizing loops and the like) that
ONNX has no counterpart for. TensorFlow keeps pictures as NHWC, ONNX convolutions want NCHW: every
convolution is wrapped in two transposes, which the run-time's optimiser cancels against each other.

Needs numpy and onnx. An operation that is not known ends the conversion with its name.
"""

import argparse
import base64
import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
END = 2**31 - 1  # "until the end" for Slice

ONNX_TYPES = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32}
TF_TYPES = {  # by name, and by the number that some exporters write instead
    "DT_FLOAT": TensorProto.FLOAT, 1: TensorProto.FLOAT,
    "DT_INT32": TensorProto.INT32, 3: TensorProto.INT32,
    "DT_INT64": TensorProto.INT64, 9: TensorProto.INT64,
    "DT_BOOL": TensorProto.BOOL, 10: TensorProto.BOOL,
}


class ConversionError(Exception):
    """The model has something that this converter does not know."""


def load_weights(manifest, folder):
    """All constants by node name; quantised ones widened to their declared type."""
    plain = {"float32": np.float32, "int32": np.int32, "bool": np.bool_, "uint8": np.uint8}
    packed = {"float16": np.float16, "uint8": np.uint8, "uint16": np.uint16}
    weights = {}
    for group in manifest:
        data = b"".join((folder / name).read_bytes() for name in group["paths"])
        offset = 0
        for entry in group["weights"]:
            shape = entry["shape"]
            count = int(np.prod(shape)) if shape else 1
            quantization = entry.get("quantization")
            kind = packed[quantization["dtype"]] if quantization else plain[entry["dtype"]]
            values = np.frombuffer(data, kind, count, offset)
            offset += values.nbytes
            if quantization and quantization["dtype"] != "float16":
                scale, low = np.float32(quantization["scale"]), np.float32(quantization["min"])
                values = values.astype(np.float32) * scale + low
            weights[entry["name"]] = values.astype(plain[entry["dtype"]]).reshape(shape)
        if offset != len(data):
            raise ConversionError(f"weights end at {offset}, their files at {len(data)}")
    return weights


class Node:
    """One TensorFlow node with typed access to its attributes."""

    def __init__(self, raw):
        self.name, self.op = raw["name"], raw["op"]
        self.inputs = [i for i in raw.get("input", []) if not i.startswith("^")]
        self._attributes = raw.get("attr", {})

    def _value(self, key, kind):
        return self._attributes.get(key, {}).get(kind)

    def integer(self, key, default=0):
        value = self._value(key, "i")
        return default if value is None else int(value)

    def real(self, key, default):
        value = self._value(key, "f")
        return default if value is None else float(value)

    def flag(self, key):
        return bool(self._value(key, "b"))

    def type(self, key):
        return TF_TYPES[self._value(key, "type")]

    @staticmethod
    def _decode(text):
        return (bytes(text) if isinstance(text, list) else base64.b64decode(text)).decode()

    def text(self, key):
        return self._decode(self._value(key, "s"))

    def integers(self, key, default=None):
        values = (self._value(key, "list") or {}).get("i")
        return default if values is None else [int(v) for v in values]

    def texts(self, key):
        return [self._decode(v) for v in (self._value(key, "list") or {}).get("s", [])]

    def shape(self):
        """A placeholder's shape, unknown sizes taken as 1."""
        sizes = [int(d["size"]) for d in self._attributes["shape"]["shape"].get("dim", [])]
        return [1 if size < 0 else size for size in sizes]


UNARY = {"Relu": "Relu", "Sigmoid": "Sigmoid", "Exp": "Exp", "Sqrt": "Sqrt"}
BINARY = {"Add": "Add", "AddV2": "Add", "Sub": "Sub", "Mul": "Mul", "RealDiv": "Div",
          "BiasAdd": "Add"}
HANDLERS = {}


def handles(*operations):
    def register(method):
        HANDLERS.update(dict.fromkeys(operations, method))
        return method
    return register


class Converter:
    """Builds the ONNX graph; `tensor()` is the recursion from outputs to inputs."""

    def __init__(self, document, folder, cuts):
        self.nodes = {n["name"]: Node(n) for n in document["modelTopology"]["node"]}
        self.weights = load_weights(document["weightsManifest"], folder)
        self.cuts = cuts  # node name -> (ONNX name, element type, shape)
        self.inputs, self.onnx_nodes, self.constants = [], [], {}
        self._converted, self._count = {}, 0

    # ---- building blocks ----

    def _unique(self, prefix):
        self._count += 1
        return f"{prefix}_{self._count}"

    def constant(self, values, prefix="constant"):
        name = self._unique(prefix)
        self.constants[name] = np.array(values, order="C")
        return name

    def integers(self, values):
        return self.constant(np.asarray(values, np.int64).reshape(-1))

    def emit(self, operation, inputs, outputs=1, **attributes):
        names = [self._unique(operation) for _ in range(outputs)]
        self.onnx_nodes.append(helper.make_node(operation, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def to_nchw(self, tensor):
        return self.emit("Transpose", [tensor], perm=[0, 3, 1, 2])

    def to_nhwc(self, tensor):
        return self.emit("Transpose", [tensor], perm=[0, 2, 3, 1])

    def clip6(self, tensor):
        return self.emit("Clip", [tensor, self.constant(np.float32(0)),
                                  self.constant(np.float32(6))])

    # ---- the walk ----

    def known(self, reference):
        """The value of a constant input, or None."""
        node = self.nodes[reference.partition(":")[0]]
        if node.op == "Identity":
            return self.known(node.inputs[0])
        return self.weights.get(node.name) if node.op == "Const" else None

    def required(self, reference):
        value = self.known(reference)
        if value is None:
            raise ConversionError(f"{reference} must be a constant")
        return value

    def tensor(self, reference):
        """The ONNX name of a TensorFlow tensor `node` or `node:output`."""
        name, _, index = reference.partition(":")
        if name not in self._converted:
            self._converted[name] = self._convert(name)
        made = self._converted[name]
        return made[int(index or 0)] if isinstance(made, list) else made

    def _convert(self, name):
        if name not in self.nodes:
            raise ConversionError(f"there is no node {name}")
        node = self.nodes[name]
        if name in self.cuts or node.op == "Placeholder":
            label, kind, shape = self.cuts.get(name) or (name, node.type("dtype"), node.shape())
            self.inputs.append(helper.make_tensor_value_info(label, kind, shape))
            return label
        if node.op == "Const":
            return self.constant(self.weights[name])
        if node.op in UNARY:
            return self.emit(UNARY[node.op], [self.tensor(node.inputs[0])])
        if node.op in BINARY:
            return self.emit(BINARY[node.op], [self.tensor(i) for i in node.inputs])
        if node.op not in HANDLERS:
            raise ConversionError(f"operation {node.op} (node {name}) is not known")
        return HANDLERS[node.op](self, node)

    # ---- operations ----

    @handles("Identity")
    def _identity(self, node):
        return self.tensor(node.inputs[0])

    @handles("Relu6")
    def _relu6(self, node):
        return self.clip6(self.tensor(node.inputs[0]))

    @handles("AddN")
    def _add_n(self, node):
        return self.emit("Sum", [self.tensor(i) for i in node.inputs])

    @handles("SquaredDifference")
    def _squared_difference(self, node):
        difference = self.emit("Sub", [self.tensor(i) for i in node.inputs])
        return self.emit("Mul", [difference, difference])

    @handles("FloorDiv")
    def _floor_div(self, node):
        quotient = self.emit("Div", [self.tensor(i) for i in node.inputs])
        return self.emit("Floor", [quotient]) if node.type("T") == TensorProto.FLOAT else quotient

    def _padding(self, node):
        padding = node.text("padding")
        if padding == "EXPLICIT":
            _, _, top, bottom, left, right, _, _ = node.integers("explicit_paddings")
            return {"pads": [top, left, bottom, right]}
        return {"auto_pad": "SAME_UPPER" if padding == "SAME" else "VALID"}

    def _convolution(self, node, weights, groups):
        """`weights` as ONNX wants them: out, in / groups, height, width."""
        fused = node.texts("fused_ops")
        inputs = [self.to_nchw(self.tensor(node.inputs[0])),
                  self.constant(weights.astype(np.float32), "weights")]
        if "BiasAdd" in fused:
            inputs.append(self.constant(self.required(node.inputs[2]).reshape(-1), "bias"))
        result = self.emit("Conv", inputs, kernel_shape=list(weights.shape[2:]), group=groups,
                           strides=node.integers("strides")[1:3],
                           dilations=node.integers("dilations", [1, 1, 1, 1])[1:3],
                           **self._padding(node))
        for activation in fused:
            if activation == "Relu6":
                result = self.clip6(result)
            elif activation in UNARY:
                result = self.emit(UNARY[activation], [result])
            elif activation != "BiasAdd":
                raise ConversionError(f"fused operation {activation} is not known")
        return self.to_nhwc(result)

    @handles("Conv2D", "_FusedConv2D")
    def _conv(self, node):
        return self._convolution(node, self.required(node.inputs[1]).transpose(3, 2, 0, 1), 1)

    @handles("DepthwiseConv2dNative", "FusedDepthwiseConv2dNative")
    def _depthwise(self, node):
        weights = self.required(node.inputs[1])
        height, width, channels, multiplier = weights.shape
        turned = weights.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
        return self._convolution(node, turned, channels)

    @handles("Conv2DBackpropInput")
    def _transposed_convolution(self, node):
        size, weights = self.required(node.inputs[0]), self.required(node.inputs[1])
        result = self.emit("ConvTranspose",
                           [self.to_nchw(self.tensor(node.inputs[2])),
                            self.constant(weights.transpose(3, 2, 0, 1), "weights")],
                           kernel_shape=list(weights.shape[:2]),
                           strides=node.integers("strides")[1:3],
                           output_shape=[int(size[1]), int(size[2])], **self._padding(node))
        return self.to_nhwc(result)

    @handles("FusedBatchNorm", "FusedBatchNormV3")
    def _batch_norm(self, node):
        gamma, beta, mean, variance = (self.required(i) for i in node.inputs[1:5])
        scale = gamma / np.sqrt(variance + node.real("epsilon", 1e-3))
        scaled = self.emit("Mul", [self.tensor(node.inputs[0]),
                                   self.constant(scale.astype(np.float32))])
        return self.emit("Add", [scaled, self.constant((beta - mean * scale).astype(np.float32))])

    @handles("AvgPool")
    def _average_pool(self, node):
        pooled = self.emit("AveragePool", [self.to_nchw(self.tensor(node.inputs[0]))],
                           kernel_shape=node.integers("ksize")[1:3],
                           strides=node.integers("strides")[1:3], **self._padding(node))
        return self.to_nhwc(pooled)

    @handles("ResizeBilinear")
    def _resize(self, node):
        mode = ("align_corners" if node.flag("align_corners") else
                "half_pixel" if node.flag("half_pixel_centers") else "asymmetric")
        tensor = self.to_nchw(self.tensor(node.inputs[0]))
        batch_and_channels = self.emit("Slice", [self.emit("Shape", [tensor]), self.integers(0),
                                                 self.integers(2)])
        size = self.emit("Concat", [batch_and_channels,
                                    self.integers(self.required(node.inputs[1]))], axis=0)
        unused = self.constant(np.zeros(0, np.float32))
        return self.to_nhwc(self.emit("Resize", [tensor, unused, unused, size], mode="linear",
                                      coordinate_transformation_mode=mode))

    @handles("Reshape")
    def _reshape(self, node):
        shape = self.known(node.inputs[1])
        target = (self.integers(shape) if shape is not None else
                  self.emit("Cast", [self.tensor(node.inputs[1])], to=TensorProto.INT64))
        return self.emit("Reshape", [self.tensor(node.inputs[0]), target])

    @handles("Shape")
    def _shape(self, node):
        shape = self.emit("Shape", [self.tensor(node.inputs[0])])
        return self.emit("Cast", [shape], to=TensorProto.INT32)

    @handles("Squeeze")
    def _squeeze(self, node):
        axes = node.integers("squeeze_dims", [])
        return self.emit("Squeeze", [self.tensor(node.inputs[0])] +
                         ([self.integers(axes)] if axes else []))

    @handles("ExpandDims")
    def _expand(self, node):
        return self.emit("Unsqueeze", [self.tensor(node.inputs[0]),
                                       self.integers(self.required(node.inputs[1]))])

    @handles("Pack")
    def _pack(self, node):
        axis = node.integer("axis")
        parts = [self.emit("Unsqueeze", [self.tensor(i), self.integers(axis)])
                 for i in node.inputs]
        return self.emit("Concat", parts, axis=axis)

    @handles("Unpack")
    def _unpack(self, node):
        count, axis = node.integer("num"), node.integer("axis")
        whole = self.tensor(node.inputs[0])
        parts = self.emit("Split", [whole], outputs=count, axis=axis) if count > 1 else [whole]
        return [self.emit("Squeeze", [part, self.integers(axis)]) for part in parts]

    @handles("ConcatV2")
    def _concat(self, node):
        return self.emit("Concat", [self.tensor(i) for i in node.inputs[:-1]],
                         axis=int(self.required(node.inputs[-1])))

    @handles("Slice")
    def _slice(self, node):
        begin, size = (self.required(i).reshape(-1).astype(np.int64) for i in node.inputs[1:3])
        end = [END if length < 0 else first + length for first, length in zip(begin, size)]
        return self.emit("Slice", [self.tensor(node.inputs[0]), self.integers(begin),
                                   self.integers(end)])

    @handles("StridedSlice")
    def _strided_slice(self, node):
        if node.integer("new_axis_mask") or node.integer("ellipsis_mask"):
            raise ConversionError(f"{node.name}: new axes and ellipses are not known")
        begin, end, step = (self.required(i).reshape(-1).astype(np.int64).copy()
                            for i in node.inputs[1:4])
        squeezed = []
        for axis in range(len(begin)):
            bit = 1 << axis
            if node.integer("begin_mask") & bit:
                begin[axis] = 0 if step[axis] > 0 else END
            if node.integer("end_mask") & bit:
                end[axis] = END if step[axis] > 0 else -END
            if node.integer("shrink_axis_mask") & bit:
                end[axis] = begin[axis] + 1 if begin[axis] != -1 else END
                squeezed.append(axis)
        part = self.emit("Slice", [self.tensor(node.inputs[0]), self.integers(begin),
                                   self.integers(end), self.integers(range(len(begin))),
                                   self.integers(step)])
        return self.emit("Squeeze", [part, self.integers(squeezed)]) if squeezed else part

    @handles("Cast")
    def _cast(self, node):
        return self.emit("Cast", [self.tensor(node.inputs[0])], to=node.type("DstT"))

    @handles("Transpose")
    def _transpose(self, node):
        return self.emit("Transpose", [self.tensor(node.inputs[0])],
                         perm=[int(axis) for axis in self.required(node.inputs[1])])

    @handles("Tile")
    def _tile(self, node):
        repeats = self.emit("Cast", [self.tensor(node.inputs[1])], to=TensorProto.INT64)
        return self.emit("Tile", [self.tensor(node.inputs[0]), repeats])

    @handles("GatherNd")
    def _gather_nd(self, node):
        indices = self.emit("Cast", [self.tensor(node.inputs[1])], to=TensorProto.INT64)
        return self.emit("GatherND", [self.tensor(node.inputs[0]), indices])

    @handles("ArgMax")
    def _arg_max(self, node):
        index = self.emit("ArgMax", [self.tensor(node.inputs[0])], keepdims=0,
                          axis=int(self.required(node.inputs[1])))
        return self.emit("Cast", [index], to=TensorProto.INT32)

    # ---- the whole ----

    def model(self, outputs, producer):
        for reference, name, _ in outputs:
            self.onnx_nodes.append(helper.make_node("Identity", [self.tensor(reference)], [name]))
        graph = helper.make_graph(
            self.onnx_nodes, "converted", self.inputs,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
             for _, name, shape in outputs],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                  ir_version=7, producer_name=producer)
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        onnx.checker.check_model(model)
        return model


def parse_shape(text):
    return [int(size) for size in text.split(",")]


def parse_cut(text):
    node, _, rest = text.partition("=")
    name, kind, shape = rest.split(":")
    return node, (name, ONNX_TYPES[kind], parse_shape(shape))


def parse_output(text):
    node, _, rest = text.partition("=")
    name, shape = rest.split(":")
    return node, name, parse_shape(shape)


def main():
    parser = argparse.ArgumentParser(description="Convert a TensorFlow.js graph model to ONNX.")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--input", action="append", type=parse_cut, default=[])
    parser.add_argument("--output", action="append", type=parse_output, required=True)
    arguments = parser.parse_args()
    sys.setrecursionlimit(10000)  # the walk is as deep as the network
    try:
        converter = Converter(json.loads(arguments.model.read_text()), arguments.model.parent,
                              dict(arguments.input))
        onnx.save(converter.model(arguments.output, "mayfly convert_tfjs"), arguments.out)
    except (ConversionError, OSError, KeyError, ValueError) as error:
        sys.exit(f"convert_tfjs.py: {arguments.model}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
