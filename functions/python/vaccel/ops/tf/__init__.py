"""TensorFlow models."""

import ctypes

from ..._library import check, lib
from ..._memory import Memory, PointerArray
from ...enums import TFDataType as TensorType
from .._tensor import HALF, TensorBase, define_struct, take_outputs

__all__ = ["Buffer", "Node", "Status", "TFMixin", "Tensor", "TensorType"]


class Tensor(TensorBase):
    CTensor = define_struct(ctypes.c_int64, ctypes.c_int)
    TensorType = TensorType
    DELETE = "vaccel_tf_tensor_delete"
    FORMATS = {
        TensorType.FLOAT: ("float32", ctypes.c_float), TensorType.DOUBLE: ("float64", ctypes.c_double),
        TensorType.INT8: ("int8", ctypes.c_int8), TensorType.INT16: ("int16", ctypes.c_int16),
        TensorType.INT32: ("int32", ctypes.c_int32), TensorType.INT64: ("int64", ctypes.c_int64),
        TensorType.UINT8: ("uint8", ctypes.c_uint8), TensorType.UINT16: ("uint16", ctypes.c_uint16),
        TensorType.UINT32: ("uint32", ctypes.c_uint32), TensorType.UINT64: ("uint64", ctypes.c_uint64),
        TensorType.BOOL: ("bool", ctypes.c_bool), TensorType.HALF: ("float16", HALF),
    }


class CNode(ctypes.Structure):  # struct vaccel_tf_node
    _fields_ = [("name", ctypes.c_char_p), ("id", ctypes.c_int)]


class Node:
    """Output `id` of the graph's operation `name`."""

    def __init__(self, name, id_):
        self.name, self.id = str(name), int(id_)

    def __repr__(self):
        return f"<Node name={self.name!r} id={self.id}>"


class CBuffer(ctypes.Structure):  # struct vaccel_tf_buffer and struct vaccel_torch_buffer
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Buffer:
    """Bytes for the engine, such as run options."""

    def __init__(self, data):
        self._memory = Memory(data)
        self._c = CBuffer(self._memory.pointer, self._memory.size)

    @property
    def pointer(self):
        return ctypes.addressof(self._c)

    @property
    def size(self):
        return self._memory.size

    @property
    def data(self):
        return bytes(self._memory.value)

    def __repr__(self):
        return f"<Buffer size={self.size}>"


class CStatus(ctypes.Structure):  # struct vaccel_tf_status
    _fields_ = [("code", ctypes.c_uint8), ("message", ctypes.c_char_p)]


class Status:
    """What the engine said: a TF_Code, and a text."""

    def __init__(self, error_code=0, message=""):
        self.code, self.message = int(error_code), str(message)

    @classmethod
    def _take(cls, status):
        taken = cls(status.code, (status.message or b"").decode(errors="replace"))
        lib.vaccel_tf_status_release(ctypes.addressof(status))
        return taken

    def __repr__(self):
        return f"<Status code={self.code} message={self.message!r}>"


def _nodes(nodes):
    return (CNode * max(len(nodes), 1))(*(CNode(node.name.encode(), node.id) for node in nodes))


class TFMixin:
    def _tf_check(self, code, status, what):
        said = Status._take(status)
        check(code, f"{what}: {said.message}" if code and said.message else what)
        return said

    def tf_model_load(self, resource):
        """Returns the Status."""
        status = CStatus()
        return self._tf_check(lib.vaccel_tf_model_load(self.pointer, resource.pointer,
                                                       ctypes.byref(status)), status, "loading a model")

    def tf_model_unload(self, resource):
        status = CStatus()
        return self._tf_check(lib.vaccel_tf_model_unload(self.pointer, resource.pointer,
                                                         ctypes.byref(status)), status, "unloading a model")

    def tf_model_run(self, resource, in_nodes, in_tensors, out_nodes, run_options=None):
        """(tensors, Status): a tensor for each node of `out_nodes`."""
        if len(in_nodes) != len(in_tensors):
            raise ValueError(f"{len(in_nodes)} nodes and {len(in_tensors)} tensors go in")
        status, inputs = CStatus(), PointerArray([tensor.pointer for tensor in in_tensors])
        outputs = PointerArray([None] * len(out_nodes))
        code = lib.vaccel_tf_model_run(
            self.pointer, resource.pointer, None if run_options is None else run_options.pointer,
            _nodes(in_nodes), inputs.array, inputs.count, _nodes(out_nodes), outputs.array, outputs.count,
            ctypes.byref(status))
        said = self._tf_check(code, status, "running a model")
        return take_outputs(Tensor, outputs), said
