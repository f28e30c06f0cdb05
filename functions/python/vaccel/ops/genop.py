"""Any op by its number."""

from .._library import check, lib
from ..arg import Args


class GenopMixin:
    def genop(self, arg_read, arg_write):
        """`arg_read` begins with Arg(OpType.…, ArgType.UINT8); each .buf of `arg_write` has its result
        afterwards."""
        read, write = Args(arg_read), Args(arg_write)
        check(lib.vaccel_genop(self.pointer, read.pointer, read.count, write.pointer, write.count), "genop")
