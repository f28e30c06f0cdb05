"""TensorFlow Lite models."""

import ctypes

from ...._library import check, lib
from ...._memory import PointerArray
from ....enums import TFLiteDataType as TensorType
from ..._tensor import HALF, TensorBase, define_struct, take_outputs

__all__ = ["TFLiteMixin", "Tensor", "TensorType"]


class Tensor(TensorBase):
    CTensor = define_struct(ctypes.c_int32, ctypes.c_int)
    TensorType = TensorType
    DELETE = "vaccel_tflite_tensor_delete"
    FORMATS = {
        TensorType.FLOAT32: ("float32", ctypes.c_float), TensorType.FLOAT64: ("float64", ctypes.c_double),
        TensorType.INT8: ("int8", ctypes.c_int8), TensorType.INT16: ("int16", ctypes.c_int16),
        TensorType.INT32: ("int32", ctypes.c_int32), TensorType.INT64: ("int64", ctypes.c_int64),
        TensorType.UINT8: ("uint8", ctypes.c_uint8), TensorType.UINT16: ("uint16", ctypes.c_uint16),
        TensorType.UINT32: ("uint32", ctypes.c_uint32), TensorType.UINT64: ("uint64", ctypes.c_uint64),
        TensorType.BOOL: ("bool", ctypes.c_bool), TensorType.FLOAT16: ("float16", HALF),
    }


class TFLiteMixin:
    def tflite_model_load(self, resource):
        check(lib.vaccel_tflite_model_load(self.pointer, resource.pointer), "loading a model")

    def tflite_model_unload(self, resource):
        check(lib.vaccel_tflite_model_unload(self.pointer, resource.pointer), "unloading a model")

    def tflite_model_run(self, resource, in_tensors, nr_out_tensors=1):
        """(tensors, the engine's status: 0)."""
        inputs = PointerArray([tensor.pointer for tensor in in_tensors])
        outputs, status = PointerArray([None] * nr_out_tensors), ctypes.c_uint8()
        check(lib.vaccel_tflite_model_run(self.pointer, resource.pointer, inputs.array, inputs.count,
                                          outputs.array, outputs.count, ctypes.byref(status)),
              "running a model")
        return take_outputs(Tensor, outputs), status.value
