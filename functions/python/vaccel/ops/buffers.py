"""Arrays that an accelerator host sees, too (mayfly/buffers.h): ops use them without a copy."""

import ctypes
import math

from .._library import check, lib


class _Buffer:
    """Of a session, as long as somebody has an array in it."""

    def __init__(self, session, size):
        self._session, self.address = session, ctypes.c_void_p()
        check(lib.mayfly_buffer_new(session.pointer, size, ctypes.byref(self.address)),
              f"cannot make a buffer of {size} bytes")

    def __del__(self):
        if self.address and self._session._session:
            lib.mayfly_buffer_delete(self._session.pointer, self.address)


class BuffersMixin:
    def zeros(self, shape, dtype="float32"):
        """A numpy array of zeros. Where a host on this machine serves the session it works on large arrays of
        floating-point numbers where they lie. The array must not be used when the session is closed."""
        import numpy  # pylint: disable=import-outside-toplevel
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        size = math.prod(shape) * numpy.dtype(dtype).itemsize
        buffer = _Buffer(self, max(size, 1))
        memory = (ctypes.c_ubyte * size).from_address(buffer.address.value)
        memory.buffer = buffer  # lives as long as the array
        return numpy.frombuffer(memory, dtype).reshape(shape)
