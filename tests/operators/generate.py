"""Models of a single operator, made at random: shapes, ranks, types, values and attributes.

What operators there are, and what they say of their inputs, is asked of the engine itself, so that its
own operators (com.microsoft) are in the list, and no list has to be kept.
"""

import dataclasses
import random
import re

import numpy
import onnx
from onnx import TensorProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as engine

# What a client can send a tensor of: type of ONNX -> number in vaccel/ops/torch.h.
SENDABLE = {TensorProto.FLOAT: 7, TensorProto.UINT8: 1, TensorProto.INT8: 2, TensorProto.INT16: 3,
            TensorProto.INT32: 4, TensorProto.INT64: 5, TensorProto.FLOAT16: 6, TensorProto.BOOL: 1}

TYPES = {"float": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "int8": TensorProto.INT8,
         "uint16": TensorProto.UINT16, "int16": TensorProto.INT16, "int32": TensorProto.INT32,
         "int64": TensorProto.INT64, "string": TensorProto.STRING, "bool": TensorProto.BOOL,
         "float16": TensorProto.FLOAT16, "double": TensorProto.DOUBLE, "uint32": TensorProto.UINT32,
         "uint64": TensorProto.UINT64, "bfloat16": TensorProto.BFLOAT16}

# Types that most kernels know, so that more than refusals are tried.
COMMON = ("float", "int64", "int32", "uint8", "int8", "bool", "float16", "double")

ELEMENTS_MAX = 1 << 16
DIMENSIONS = (0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 13, 16, 17, 32, 64, 100, 1000)
EXTREMES = (0, 1, -1, 2, -2, 127, -128, 255, 1 << 15, 1 << 16, (1 << 31) - 1, -(1 << 31), 1 << 32,
            (1 << 62), (1 << 63) - 1, -(1 << 63))
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, float("inf"), float("-inf"), float("nan"), 3.4e38)
WORDS = ("", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "constant", "reflect", "edge", "wrap",
         "nearest", "linear", "cubic", "none", "add", "mul", "min", "max", "mean", "sum",
         "ij,jk->ik", "...ij->...ji", "ii->i", "forward", "reverse", "bidirectional", "BRANCH_LEQ",
         "LEAF", "x" * 300, "%s%n", "a\0b", "\xff")


@dataclasses.dataclass
class Case:
    operator: str
    model: bytes
    inputs: list  # of (number of the type, shape, bytes)
    outputs: int


class Generator:
    def __init__(self):
        kernels = {(k.domain or "", k.op_name) for k in engine.get_all_opkernel_def()
                   if "CPU" in k.provider}
        self.schemas = [s for s in engine.get_all_operator_schema()
                        if (s.domain or "", s.name) in kernels and not s.deprecated]
        self.names = sorted({(s.domain, s.name) for s in self.schemas})
        self.versions = {}
        for schema in self.schemas:
            self.versions.setdefault((schema.domain, schema.name), []).append(schema)

    def case(self, seed, number):
        """Always the same one for the same numbers. None where chance makes no model."""
        chance = random.Random(f"{seed}/{number}")
        name = self.names[number % len(self.names)]
        schema = chance.choice(self.versions[name][-2:] + self.versions[name][-1:] * 3)
        try:
            return _Maker(schema, chance).make()
        except (ValueError, OverflowError, TypeError, MemoryError):
            return None


class _Maker:
    def __init__(self, schema, chance):
        self.schema, self.chance = schema, chance
        self.types = {}
        self.sent, self.initializers, self.infos = [], [], []
        # Most cases are nearly right, as a case that is refused at once tries little.
        self.base = [self.dimension() for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 4, 4, 5, 6)))]
        self.wild = chance.random() < 0.3

    def dimension(self):
        return self.chance.choice(DIMENSIONS)

    def shape(self):
        chance, shape = self.chance, list(self.base)
        kind = chance.random()
        if kind < 0.2:
            shape = [chance.choice((dimension, 1)) for dimension in shape]
        elif kind < 0.3:
            shape = shape[chance.randrange(len(shape) + 1):]
        elif kind < 0.45:
            shape = [self.dimension()]
        elif kind < 0.5:
            shape = []
        elif kind < 0.6 and len(shape) >= 2:
            shape[-1], shape[-2] = shape[-2], shape[-1]
        elif kind < 0.75 or self.wild:
            shape = [self.dimension() for _ in range(chance.randrange(0, 7))]
        while numpy.prod(shape, dtype=float) > ELEMENTS_MAX:
            shape[shape.index(max(shape))] = chance.choice((1, 2, 3))
        return shape

    def allowed(self, parameter):
        names = [re.fullmatch(r"tensor\((\w+)\)", kind) for kind in parameter.types]
        names = [name.group(1) for name in names if name and name.group(1) in TYPES]
        return sorted(names)

    def type_of(self, parameter):
        key = parameter.typeStr
        if key not in self.types:
            names = self.allowed(parameter)
            if not names:
                raise ValueError("no tensors")
            common = [name for name in names if name in COMMON]
            self.types[key] = self.chance.choice(common if common and self.chance.random() < 0.9
                                                 else names)
        if not parameter.isHomogeneous:
            return self.chance.choice(self.allowed(parameter))
        return self.types[key]

    def integers(self, count):
        chance, low = self.chance, self.chance.random()
        if low < 0.4:
            rank = len(self.base)
            return [chance.randrange(-rank, rank + 1) for _ in range(count)]
        if low < 0.7:
            return [chance.choice((1, 2, 3, 4)) for _ in range(count)]
        if low < 0.9:
            return [chance.randrange(-5, 20) for _ in range(count)]
        return [chance.choice(EXTREMES) for _ in range(count)]

    def values(self, kind, count):
        chance = self.chance
        if kind == TensorProto.STRING:
            return [chance.choice(WORDS).encode("utf-8") for _ in range(count)]
        if kind in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16,
                    TensorProto.BFLOAT16):
            if chance.random() < 0.15:
                return [chance.choice(FLOATS) for _ in range(count)]
            state = numpy.random.RandomState(chance.randrange(1 << 32))
            return (state.standard_normal(count) * chance.choice((1, 1, 10, 1000))).tolist()
        if kind == TensorProto.BOOL:
            return [chance.randrange(2) for _ in range(count)]
        numbers = self.integers(min(count, 64))
        return (numbers * (count // 64 + 1))[:count]

    def array(self, kind, shape):
        count = int(numpy.prod(shape, dtype=int))
        values = self.values(kind, count)
        if kind == TensorProto.STRING:
            return numpy.array(values, dtype=object).reshape(shape)
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        if numpy.issubdtype(dtype, numpy.integer):
            limits = numpy.iinfo(dtype)
            span = int(limits.max) - int(limits.min) + 1
            values = [(int(value) - int(limits.min)) % span + int(limits.min) for value in values]
        with numpy.errstate(all="ignore"):
            return numpy.array(values, dtype=dtype).reshape(shape)

    def tensor(self, name, kind, shape):
        array = self.array(kind, shape)
        if kind == TensorProto.STRING:
            return helper.make_tensor(name, kind, shape, array.reshape(-1).tolist())
        if kind == TensorProto.BFLOAT16:
            return helper.make_tensor(name, kind, shape, array.reshape(-1).tolist())
        return helper.make_tensor(name, kind, shape, array.tobytes(), raw=True)

    def add_input(self, parameter, number):
        kind, shape = TYPES[self.type_of(parameter)], self.shape()
        if kind == TensorProto.INT64 and self.chance.random() < 0.6:
            shape = [self.chance.choice((0, 1, 1, 2, 2, 3, 4, 5, 8))]
        name = f"i{number}"
        if kind in SENDABLE and shape and self.chance.random() < 0.6:
            array = self.array(kind, shape)
            self.sent.append((SENDABLE[kind], shape, array.tobytes()))
            # An unknown shape is found out only when the model runs.
            declared = [dimension if self.chance.random() < 0.6 else f"d{number}_{place}"
                        for place, dimension in enumerate(shape)]
            self.infos.append(helper.make_tensor_value_info(name, kind, declared))
        else:
            self.initializers.append(self.tensor(name, kind, shape))
        return name

    def inputs(self):
        schema, chance = self.schema, self.chance
        most = min(schema.max_input, 12)
        count = chance.randint(min(schema.min_input, most), most)
        names = []
        for number in range(count):
            if not schema.inputs:
                break
            parameter = schema.inputs[min(number, len(schema.inputs) - 1)]
            optional = "Optional" in str(parameter.option)
            names.append("" if optional and chance.random() < 0.3
                         else self.add_input(parameter, number))
        return names

    def graph(self, needs):
        """A body for If, Loop and Scan."""
        names = [f"b{number}" for number in range(needs)]
        infos = [helper.make_tensor_value_info(name, self.chance.choice((
            TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL)), None) for name in names]
        outputs = [helper.make_tensor_value_info(f"o_{name}", TensorProto.FLOAT, None)
                   for name in names[:self.chance.randint(0, needs)]]
        nodes = [helper.make_node("Identity", [output.name[2:]], [output.name])
                 for output in outputs]
        return helper.make_graph(nodes, "body", infos, outputs)

    def attribute_value(self, attribute):
        chance, kind = self.chance, str(attribute.type).rsplit(".", maxsplit=1)[-1]
        if kind == "INT":
            return chance.choice((0, 1, 1, 2, 3, -1, chance.choice(EXTREMES)))
        if kind == "INTS":
            return self.integers(chance.choice((0, 1, 2, 2, 3, 4, len(self.base),
                                                2 * len(self.base))))
        if kind == "FLOAT":
            return chance.choice(FLOATS)
        if kind == "FLOATS":
            return [chance.choice(FLOATS) for _ in range(chance.choice((0, 1, 2, 4, 16)))]
        quoted = re.findall(r"[\"'`](\w+)[\"'`]", attribute.description)
        words = quoted if quoted and chance.random() < 0.8 else WORDS
        if kind == "STRING":
            return chance.choice(words)
        if kind == "STRINGS":
            return [chance.choice(words) for _ in range(chance.choice((0, 1, 2, 4)))]
        if kind == "TENSOR":
            return self.tensor("", chance.choice((TensorProto.FLOAT, TensorProto.INT64)),
                               self.shape())
        if kind == "GRAPH":
            return self.graph(chance.randint(0, 4))
        raise ValueError(f"attributes of type {kind} are not made")

    def attributes(self):
        made = {}
        for name, attribute in self.schema.attributes.items():
            if attribute.required or self.chance.random() < 0.4:
                value = self.attribute_value(attribute)
                kind = str(attribute.type).rsplit(".", maxsplit=1)[-1]
                made[name] = helper.make_attribute(
                    name, value, attr_type=getattr(onnx.AttributeProto, kind))
        return made

    def make(self):
        schema, chance = self.schema, self.chance
        names = self.inputs()
        count = chance.randint(max(schema.min_output, 1), max(min(schema.max_output, 6), 1))
        outputs = [f"o{number}" for number in range(count)]
        node = helper.make_node(schema.name, names, outputs, domain=schema.domain)
        node.attribute.extend(self.attributes().values())
        infos = []
        for number, name in enumerate(outputs):
            parameter = schema.outputs[min(number, len(schema.outputs) - 1)]
            infos.append(helper.make_tensor_value_info(name, TYPES[self.type_of(parameter)], None))
        graph = helper.make_graph([node], "g", self.infos, infos, self.initializers)
        opsets = [helper.make_opsetid(schema.domain, max(schema.since_version, 1))]
        if schema.domain:
            opsets.append(helper.make_opsetid("", 21))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        return Case(f"{schema.domain or 'ai.onnx'}.{schema.name}-{schema.since_version}",
                    model.SerializeToString(), self.sent, count)
