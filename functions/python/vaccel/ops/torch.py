"""PyTorch models."""

import ctypes

from .._library import check, lib
from .._memory import PointerArray
from ..enums import TorchDataType as TensorType
from ._tensor import HALF, TensorBase, define_struct, take_outputs
from .tf import Buffer

__all__ = ["Buffer", "Tensor", "TensorType", "TorchMixin"]


class Tensor(TensorBase):
    CTensor = define_struct(ctypes.c_int64, ctypes.c_int64)
    TensorType = TensorType
    DELETE = "vaccel_torch_tensor_delete"
    FORMATS = {
        TensorType.FLOAT: ("float32", ctypes.c_float), TensorType.HALF: ("float16", HALF),
        TensorType.BYTE: ("uint8", ctypes.c_uint8), TensorType.CHAR: ("int8", ctypes.c_int8),
        TensorType.SHORT: ("int16", ctypes.c_int16), TensorType.INT: ("int32", ctypes.c_int32),
        TensorType.LONG: ("int64", ctypes.c_int64),
    }

    @classmethod
    def from_torch(cls, data):
        """Of a tensor of PyTorch, which is used where it lies (on the CPU)."""
        return cls.from_numpy(data.detach().numpy())

    def as_torch(self):
        import torch  # pylint: disable=import-outside-toplevel
        return torch.from_numpy(self.as_numpy())


class TorchMixin:
    def torch_model_load(self, resource):
        check(lib.vaccel_torch_model_load(self.pointer, resource.pointer), "loading a model")

    def torch_model_run(self, resource, in_tensors, nr_out_tensors=1, run_options=None):
        """The tensors that come out."""
        inputs = PointerArray([tensor.pointer for tensor in in_tensors])
        outputs = PointerArray([None] * nr_out_tensors)
        check(lib.vaccel_torch_model_run(
            self.pointer, resource.pointer, None if run_options is None else run_options.pointer,
            inputs.array, inputs.count, outputs.array, outputs.count), "running a model")
        return take_outputs(Tensor, outputs)
