"""Products of matrices."""

from .._library import check, lib
from .._memory import Memory, is_numpy, numpy_module


def _need(memory, rows, columns, step, name):
    """A matrix whose rows begin `step` elements after each other lies in the memory."""
    least = (rows - 1) * step + columns if rows and columns else 0
    if min(rows, columns) < 0 or step < columns or memory.size < 4 * least:
        raise ValueError(f"{name} is no matrix of {rows} × {columns} with rows of {step}")


class BlasMixin:
    def sgemm(self, m, n, k, alpha, a, lda, b, ldb, beta, ldc, c=None):
        """alpha · A · B + beta · C, row by row: A has m × k elements, B k × n, C m × n, and ld… is how far
        apart their rows are. Numbers are lists, or numpy arrays of float32, which are used where they lie.
        Without `c` C is zeros. Returns C: `c` itself where that is a numpy array, a new one where `a` is,
        else a list."""
        if c is None:
            c = (numpy_module().zeros((m, ldc), "float32") if is_numpy(a) else [0.0] * (m * ldc))
        product = Memory(c, "float32")
        if is_numpy(c) and product.value is not c:
            raise ValueError("c is not an array of float32 whose rows lie one after the other")
        left, right = Memory(a, "float32"), Memory(b, "float32")
        for each in ((left, m, k, lda, "a"), (right, k, n, ldb, "b"), (product, m, n, ldc, "c")):
            _need(*each)
        check(lib.vaccel_sgemm(self.pointer, m, n, k, alpha, left.pointer, lda, right.pointer, ldb, beta,
                               product.pointer, ldc), "sgemm")
        return product.value
