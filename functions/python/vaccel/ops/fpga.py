"""Ops on arrays that vAccel has for FPGAs."""

from .._library import check, lib
from .._memory import Memory


def _same(a, b):
    if len(a) != len(b):
        raise ValueError(f"arrays of {len(a)} and {len(b)} numbers")


class FpgaMixin:
    def fpga_arraycopy(self, a):
        source, copy = Memory(a, "int32"), Memory([0] * len(a), "int32")
        check(lib.vaccel_fpga_arraycopy(self.pointer, source.pointer, copy.pointer, len(a)), "array copy")
        return copy.value

    def fpga_mmult(self, a, b):
        _same(a, b)
        left, right, out = Memory(a, "float32"), Memory(b, "float32"), Memory([0.0] * len(a), "float32")
        check(lib.vaccel_fpga_mmult(self.pointer, left.pointer, right.pointer, out.pointer, len(a)),
              "product of arrays")
        return out.value

    def fpga_parallel(self, a, b):
        """(sums, products)."""
        _same(a, b)
        left, right = Memory(a, "float32"), Memory(b, "float32")
        sums, products = (Memory([0.0] * len(a), "float32") for _ in range(2))
        check(lib.vaccel_fpga_parallel(self.pointer, left.pointer, right.pointer, sums.pointer,
                                       products.pointer, len(a)), "sum and product of arrays")
        return sums.value, products.value

    def fpga_vadd(self, a, b):
        _same(a, b)
        left, right, out = Memory(a, "float32"), Memory(b, "float32"), Memory([0.0] * len(a), "float32")
        check(lib.vaccel_fpga_vadd(self.pointer, left.pointer, right.pointer, out.pointer, len(a), len(b)),
              "sum of arrays")
        return out.value
