"""The op that does nothing."""

from .._library import check, lib


class NoopMixin:
    def noop(self):
        check(lib.vaccel_noop(self.pointer), "noop")
