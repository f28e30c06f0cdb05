"""The least and the greatest of numbers."""

import ctypes

from .._library import check, lib
from .._memory import Memory


class MinmaxMixin:
    def minmax(self, indata, ndata, low_threshold, high_threshold):
        """Of `ndata` doubles: (what the plugin makes of them, as bytes; least; greatest). The thresholds
        are the plugin's business."""
        numbers = Memory(indata, "float64")
        if ndata < 0 or numbers.size < 8 * ndata:
            raise ValueError(f"{numbers.size} bytes are fewer than {ndata} doubles")
        out, least, greatest = bytearray(8 * ndata), ctypes.c_double(), ctypes.c_double()
        check(lib.vaccel_minmax(self.pointer, numbers.pointer, ndata, low_threshold, high_threshold,
                                Memory(out).pointer, ctypes.byref(least), ctypes.byref(greatest)), "minmax")
        return bytes(out), least.value, greatest.value
