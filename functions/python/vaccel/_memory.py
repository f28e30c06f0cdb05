"""Memory that C code sees: that of bytes, buffers and numpy arrays as it is, and arrays made of numbers."""

import ctypes
import enum
import os
import sys

NUMBERS = {
    "int8": ctypes.c_int8, "int16": ctypes.c_int16, "int32": ctypes.c_int32, "int64": ctypes.c_int64,
    "uint8": ctypes.c_uint8, "uint16": ctypes.c_uint16, "uint32": ctypes.c_uint32,
    "uint64": ctypes.c_uint64, "float32": ctypes.c_float, "float64": ctypes.c_double,
    "bool": ctypes.c_bool,
}


def numpy_module():
    """numpy, where the program has imported it: nothing else is worth its 100 ms."""
    return sys.modules.get("numpy")


def is_numpy(value):
    numpy = numpy_module()
    return numpy is not None and isinstance(value, numpy.ndarray)


class Memory:
    """`address` and `size` of a value's bytes, which stay where they are as long as this lives. `value` is
    as it was given, of numbers and lists with what C code has written meanwhile."""

    def __init__(self, value, number=None):
        """`number`: how numbers lie in memory, one of NUMBERS; as int or float where it is not said."""
        self._given, self._numbers = value, None
        if is_numpy(value):
            self._hold = numpy_module().ascontiguousarray(
                value, None if number is None else numpy_module().dtype(number))
            self._given = self._hold
            self.address, self.size = self._hold.ctypes.data, self._hold.nbytes
        elif isinstance(value, bytes):
            self._hold = ctypes.c_char_p(value)  # keeps the object
            self.address, self.size = ctypes.cast(self._hold, ctypes.c_void_p).value, len(value)
        elif isinstance(value, (bytearray, memoryview)):
            self._take_buffer(memoryview(value))
        elif isinstance(value, (str, os.PathLike)):
            self._take_array(ctypes.create_string_buffer(os.fsencode(value)))
        else:
            self._take_numbers(value, number)

    def _take_array(self, array):
        self._hold = array
        self.address, self.size = ctypes.addressof(array), ctypes.sizeof(array)

    def _take_buffer(self, view):
        if view.readonly or not view.contiguous:
            self._hold = ctypes.c_char_p(view.tobytes())
            self.address, self.size = ctypes.cast(self._hold, ctypes.c_void_p).value, view.nbytes
        else:
            self._take_array((ctypes.c_char * view.nbytes).from_buffer(view))

    def _take_numbers(self, value, number):
        single = not isinstance(value, (list, tuple))
        values = [value] if single else list(value)
        if not all(isinstance(each, (int, float, bool, enum.Enum)) for each in values):
            raise TypeError(f"{type(value).__name__} is nothing that an op takes")
        if number is None:
            number = "float32" if any(isinstance(each, float) for each in values) else "int32"
        if "int" in number and any(isinstance(each, float) for each in values):
            raise TypeError(f"a float does not go into {number}")
        self._single = single
        self._numbers = (NUMBERS[number] * len(values))(*values)
        self._take_array(self._numbers)

    @property
    def pointer(self):
        """None for no bytes."""
        return self.address if self.size else None

    @property
    def value(self):
        if self._numbers is None:
            return self._given
        return self._numbers[0] if self._single else list(self._numbers)


def text_of(buffer):
    """Of a buffer that C code has written a text to."""
    return buffer.value.decode(errors="replace")


class PointerArray:
    """Pointers one after the other."""

    def __init__(self, pointers):
        self.array = (ctypes.c_void_p * max(len(pointers), 1))(*pointers)
        self.count = len(pointers)
