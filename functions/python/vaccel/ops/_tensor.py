"""What tensors of all kinds of models have in common."""

import ctypes
import math
import struct

from .._library import lib
from .._memory import Memory, is_numpy


class TensorBase:
    """Numbers with a shape. Bytes and numpy arrays are used where they lie; what an op returns lies in
    memory of its own, as long as the tensor or an array of it lives.

    A kind of tensor has `CTensor`, its C struct; `TensorType`; `FORMATS`, what each type is called in numpy,
    and how it is read where there is no numpy (ctypes); and `DELETE`, the function that frees it."""

    CTensor = TensorType = None
    FORMATS = {}
    DELETE = None

    def __init__(self, dims, data_type, data):
        number = self.FORMATS.get(self.TensorType(data_type), (None, None))[0]
        if isinstance(data, (list, tuple)):
            self._set(dims, data_type, Memory(data, number))
        else:
            self._set(dims, data_type, Memory(data))

    def _set(self, dims, data_type, memory):
        self._memory, self._owned = memory, None
        self._type = self.TensorType(data_type)
        self._dims = [int(each) for each in dims]
        if any(each < 0 for each in self._dims):
            raise ValueError(f"the shape {self._dims} has negative dimensions")
        size = self.item_size
        if size and size * math.prod(self._dims) != memory.size:
            raise ValueError(f"{memory.size} bytes are no {self._type.name} of shape {self._dims}")
        dimension = self.CTensor.dims_type()
        self._c_dims = (dimension * max(len(self._dims), 1))(*self._dims)
        self._c = self.CTensor(memory.pointer, memory.size, False, len(self._dims),
                               ctypes.cast(self._c_dims, ctypes.POINTER(dimension)), self._type)

    @classmethod
    def from_buffer(cls, dims, data_type, data):
        """Of bytes."""
        self = cls.__new__(cls)
        self._set(dims, data_type, Memory(data))
        return self

    @classmethod
    def from_numpy(cls, data):
        self = cls.__new__(cls)
        name = data.dtype.name
        for kind, (number, _) in cls.FORMATS.items():
            if number == name:
                self._set(data.shape, kind, Memory(data))
                return self
        raise ValueError(f"no tensor has {name}")

    @classmethod
    def _of_op(cls, address):
        """What an op has made: this is its owner now."""
        self = cls.__new__(cls)
        self._memory, self._owned = None, ctypes.c_void_p(address)
        self._c = cls.CTensor.from_address(address)
        self._type = cls.TensorType(self._c.data_type)
        self._dims = [self._c.dims[i] for i in range(self._c.nr_dims)]
        return self

    def __del__(self):
        if getattr(self, "_owned", None):
            getattr(lib, self.DELETE)(self._owned)

    @property
    def pointer(self):
        return ctypes.addressof(self._c)

    @property
    def dims(self):
        return list(self._dims)

    shape = dims

    @property
    def data_type(self):
        return self._type

    @property
    def item_size(self):
        """Bytes of a number; 0 where that is not a number of bytes."""
        kind = self.FORMATS.get(self._type)
        return 0 if kind is None else ctypes.sizeof(kind[1])

    def _view(self):
        """The bytes, where they lie."""
        if not self._c.size:
            return memoryview(b"")
        bytes_ = (ctypes.c_ubyte * self._c.size).from_address(self._c.data)
        bytes_.owner = self  # lives as long as the view
        view = memoryview(bytes_).cast("B")
        # Nothing may write to bytes.
        return view.toreadonly() if self._memory and isinstance(self._memory.value, bytes) else view

    def as_bytelike(self):
        return self._view()

    def as_memoryview(self):
        return self._view()

    def to_bytes(self):
        return bytes(self._view())

    @property
    def data(self):
        """The numbers, as a list."""
        if not self.item_size:
            raise TypeError(f"{self._type.name} has no numbers; see to_bytes()")
        kind = self.FORMATS[self._type][1]
        if kind is HALF:
            return list(struct.unpack(f"{self._c.size // 2}e", self._view()))
        return list((kind * (self._c.size // ctypes.sizeof(kind))).from_buffer_copy(self._view()))

    def as_numpy(self):
        """The numbers as a numpy array, without a copy."""
        if self._memory is not None and is_numpy(self._memory.value):
            return self._memory.value
        import numpy  # pylint: disable=import-outside-toplevel
        if not self.item_size:
            raise TypeError(f"{self._type.name} has no numbers; see to_bytes()")
        return numpy.frombuffer(self._view(), self.FORMATS[self._type][0]).reshape(self._dims)

    def __repr__(self):
        return f"<Tensor dims={self._dims} data_type={self._type.name}>"


class HALF(ctypes.c_uint16):
    """16 bits of floating point, which ctypes has no type for."""


def define_struct(dimension, count):
    """struct vaccel_…_tensor, whose dimensions are of one type, and their count of another."""
    class CTensor(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("owned", ctypes.c_bool),
                    ("nr_dims", count), ("dims", ctypes.POINTER(dimension)), ("data_type", ctypes.c_int)]

        @staticmethod
        def dims_type():
            return dimension
    return CTensor


def take_outputs(cls, array):
    """Tensors of the pointers that an op has written."""
    return [cls._of_op(address) for address in array.array[:array.count]]
