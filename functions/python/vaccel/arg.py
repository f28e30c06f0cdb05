"""Arguments of ops."""

import ctypes

from ._memory import Memory
from .enums import ArgType

_NUMBERS = {
    ArgType.INT8: "int8", ArgType.INT16: "int16", ArgType.INT32: "int32", ArgType.INT64: "int64",
    ArgType.UINT8: "uint8", ArgType.UINT16: "uint16", ArgType.UINT32: "uint32",
    ArgType.UINT64: "uint64", ArgType.FLOAT32: "float32", ArgType.FLOAT64: "float64",
    ArgType.BOOL: "bool", ArgType.CHAR: "int8", ArgType.UCHAR: "uint8",
}
_NUMBERS.update({ArgType(kind + 1): number for kind, number in list(_NUMBERS.items())})


class CArg(ctypes.Structure):  # struct vaccel_arg
    _fields_ = [("buf", ctypes.c_void_p), ("size", ctypes.c_size_t), ("type", ctypes.c_int),
                ("custom_type_id", ctypes.c_uint32), ("owned", ctypes.c_bool)]


class Arg:
    """A value as an op takes it: a number or a list of numbers, text, bytes, or a numpy array, which is
    used where it lies (as bytearrays are)."""

    def __init__(self, data, type_=ArgType.RAW, custom_type_id=0):
        self.type = ArgType(type_)
        self.custom_type_id = custom_type_id
        self._memory = Memory(data, _NUMBERS.get(self.type))

    @property
    def buf(self):
        """The value; after an op what the op has made of it."""
        return self._memory.value

    def __repr__(self):
        return f"<Arg size={self._memory.size} type={self.type.name}>"


class Args:
    """Arguments one after the other, as the library takes them; what is no Arg becomes one."""

    def __init__(self, values):
        self.args = [each if isinstance(each, Arg) else Arg(each) for each in values or ()]
        self.count = len(self.args)
        self.array = (CArg * max(self.count, 1))(*(
            CArg(arg._memory.pointer, arg._memory.size, arg.type, arg.custom_type_id, False)
            for arg in self.args))

    @property
    def pointer(self):
        return ctypes.addressof(self.array) if self.count else None
