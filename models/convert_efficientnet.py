#!/usr/bin/env python3
"""Converts the published EfficientNet-Lite0 weights (a PyTorch file) to ONNX without PyTorch.

    convert_efficientnet.py WEIGHTS.pth OUT.onnx

The network has one input "image" (float32, 1 x 3 x 224 x 224, RGB, (pixel - 127) / 128) and one
output "scores" (1 x 1000, softmax), in the order of ImageNet's WordNet ids. Batch normalisation is
folded into the convolutions. Needs numpy and onnx.
"""

import argparse
import collections
import pathlib
import pickle
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

EPSILON = 1e-3  # of the batch normalisation that the weights were trained with

Stage = collections.namedtuple("Stage", "repeats kernel stride expansion channels_in channels_out")
STAGES = [  # EfficientNet-B0 (arXiv 1905.11946, table 1); "lite" drops squeeze-excite, uses ReLU6
    Stage(1, 3, 1, 1, 32, 16), Stage(2, 3, 2, 6, 16, 24), Stage(2, 5, 2, 6, 24, 40),
    Stage(3, 3, 2, 6, 40, 80), Stage(3, 5, 1, 6, 80, 112), Stage(4, 5, 2, 6, 112, 192),
    Stage(1, 3, 1, 6, 192, 320)]

Stub = collections.namedtuple("Stub", "storage offset size stride")
Storage = collections.namedtuple("Storage", "type key count")
STORAGE_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class StubUnpickler(pickle.Unpickler):
    """Reads tensor stubs and nothing else: no other class can be named by the file."""

    def find_class(self, module, name):
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, size, stride, *_: Stub(storage, offset, size, stride)
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch" and name in STORAGE_TYPES:
            return name
        raise pickle.UnpicklingError(f"the file names {module}.{name}")

    def persistent_load(self, pid):
        return Storage(pid[1], pid[2], pid[4])


def load_weights(path):
    """The format of torch.save() before 1.6: three headers, tensor stubs, keys, raw storages."""
    with open(path, "rb") as file:
        for _ in range(3):  # magic number, version, description of the machine
            StubUnpickler(file).load()
        stubs = StubUnpickler(file).load()
        keys = StubUnpickler(file).load()
        types = {stub.storage.key: STORAGE_TYPES[stub.storage.type] for stub in stubs.values()}
        storages = {}
        for key in keys:
            count = int.from_bytes(file.read(8), "little")
            storages[key] = np.frombuffer(file.read(count * types[key].itemsize), types[key])
    weights = {}
    for name, stub in stubs.items():  # some are transposed views: the strides matter
        base = storages[stub.storage.key][stub.offset:]
        strides = [step * base.itemsize for step in stub.stride]
        weights[name] = np.lib.stride_tricks.as_strided(base, stub.size, strides)
    return weights


class Builder:
    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def emit(self, operation, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def convolution(self, tensor, name, norm, kernel, stride=1, groups=1, activate=True):
        """A convolution with the batch normalisation `norm` folded in, and ReLU6."""
        w = self.weights
        scale = w[norm + ".weight"] / np.sqrt(w[norm + ".running_var"] + EPSILON)
        kernels = w[name + ".weight"] * scale[:, None, None, None]
        bias = w[norm + ".bias"] - w[norm + ".running_mean"] * scale
        result = self.emit("Conv", [tensor,
                                    self.constant(name + ".kernels", kernels.astype(np.float32)),
                                    self.constant(name + ".bias", bias.astype(np.float32))],
                           name + ".result", kernel_shape=[kernel, kernel], group=groups,
                           strides=[stride, stride], auto_pad="SAME_UPPER")
        if not activate:
            return result
        return self.emit("Clip", [result, "zero", "six"], name + ".active")

    def block(self, tensor, prefix, stage, first):
        """An inverted residual: expand, filter each channel, project, add what came in."""
        stride = stage.stride if first else 1
        channels = stage.channels_in if first else stage.channels_out
        result = tensor
        if stage.expansion != 1:
            result = self.convolution(result, prefix + "_expand_conv", prefix + "_bn0", 1)
        result = self.convolution(result, prefix + "_depthwise_conv", prefix + "_bn1",
                                  stage.kernel, stride, groups=channels * stage.expansion)
        result = self.convolution(result, prefix + "_project_conv", prefix + "_bn2", 1,
                                  activate=False)
        if stride == 1 and channels == stage.channels_out:
            result = self.emit("Add", [result, tensor], prefix + "sum")
        return result

    def model(self):
        self.constant("zero", np.float32(0))
        self.constant("six", np.float32(6))
        tensor = self.convolution("image", "_conv_stem", "_bn0", 3, stride=2)
        index = 0
        for stage in STAGES:
            for repeat in range(stage.repeats):
                tensor = self.block(tensor, f"_blocks.{index}.", stage, repeat == 0)
                index += 1
        tensor = self.convolution(tensor, "_conv_head", "_bn1", 1)
        tensor = self.emit("GlobalAveragePool", [tensor], "pooled")
        tensor = self.emit("Flatten", [tensor], "features")
        tensor = self.emit("Gemm", [tensor, self.constant("fc.weight", self.weights["_fc.weight"]),
                                    self.constant("fc.bias", self.weights["_fc.bias"])],
                           "logits", transB=1)
        self.emit("Softmax", [tensor], "scores", axis=1)
        graph = helper.make_graph(
            self.nodes, "efficientnet-lite0",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1000])],
            self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                                  ir_version=7, producer_name="mayfly convert_efficientnet")
        onnx.checker.check_model(model)
        return model


def main():
    parser = argparse.ArgumentParser(description="Convert EfficientNet-Lite0 weights to ONNX.")
    parser.add_argument("weights", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        onnx.save(Builder(load_weights(arguments.weights)).model(), arguments.out)
    except (OSError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
        sys.exit(f"convert_efficientnet.py: {arguments.weights}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
