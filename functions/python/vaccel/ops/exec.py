"""Functions of shared objects."""

from .._library import check, lib
from ..arg import Args


class ExecMixin:
    """Arguments are Args, or values that become Args; the values of `arg_write` come back as a list, None
    where there are none."""

    def exec(self, library, symbol, arg_read=None, arg_write=None):
        """Calls a function of a shared object of the side that runs the op."""
        read, write = Args(arg_read), Args(arg_write)
        check(lib.vaccel_exec(self.pointer, str(library).encode(), symbol.encode(), read.pointer,
                              read.count, write.pointer, write.count), f"exec of {symbol}")
        return None if arg_write is None else [arg.buf for arg in write.args]

    def exec_with_resource(self, resource, symbol, arg_read=None, arg_write=None):
        """Calls a function of a shared object that is registered as a resource (ResourceType.LIB)."""
        read, write = Args(arg_read), Args(arg_write)
        check(lib.vaccel_exec_with_resource(self.pointer, resource.pointer, symbol.encode(), read.pointer,
                                            read.count, write.pointer, write.count), f"exec of {symbol}")
        return None if arg_write is None else [arg.buf for arg in write.args]
