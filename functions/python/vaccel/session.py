"""Sessions: what ops run in. The ops are in vaccel.ops, a file for each family."""

import ctypes

from ._library import check, lib
from .enums import PluginType, ResourceType
from .error import NullPointerError
from .ops.blas import BlasMixin
from .ops.buffers import BuffersMixin
from .ops.exec import ExecMixin
from .ops.fpga import FpgaMixin
from .ops.genop import GenopMixin
from .ops.image import ImageMixin
from .ops.minmax import MinmaxMixin
from .ops.noop import NoopMixin
from .ops.results import ResultsMixin
from .ops.tf import TFMixin
from .ops.tf.lite import TFLiteMixin
from .ops.torch import TorchMixin
from .resource import Resource


class CSession(ctypes.Structure):  # the begin of struct vaccel_session
    _fields_ = [("id", ctypes.c_int64), ("remote_id", ctypes.c_int64), ("hint", ctypes.c_uint),
                ("is_virtio", ctypes.c_bool)]


class BaseSession:
    """`flags` are bits of PluginType: what is to serve the session. `model` names a model of the host to
    use instead of the usual one of each task. Also a context manager."""

    def __init__(self, flags=0, *, model=None):
        self._session, self._resources = ctypes.c_void_p(), {}
        check(lib.vaccel_session_new(ctypes.byref(self._session), int(flags)), "cannot open a session")
        if model is None:
            return
        try:
            Resource(f"model:{model}", ResourceType.MODEL).register(self)
        except OSError:
            self.close()
            raise

    # Resources live as long as a session has them.
    def _keep(self, resource):
        self._resources[resource.id] = resource

    def _drop(self, resource):
        self._resources.pop(resource.id, None)

    @property
    def pointer(self):
        if not self._session:
            raise NullPointerError("the session is closed")
        return self._session

    @property
    def value(self):
        """The C struct."""
        return CSession.from_address(self.pointer.value)

    @property
    def id(self):
        return self.value.id

    @property
    def remote_id(self):
        return self.value.remote_id

    @property
    def flags(self):
        return PluginType(self.value.hint)

    @property
    def is_remote(self):
        return self.value.is_virtio

    def has_resource(self, resource):
        return lib.vaccel_session_has_resource(self.pointer, resource.pointer)

    def close(self):
        """Ends the session; doing it twice is no error."""
        session, self._session = self._session, ctypes.c_void_p()
        if session:
            lib.vaccel_session_delete(session)
        self._resources.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_session", None):
            self.close()

    def __repr__(self):
        if not self._session:
            return "<Session (closed)>"
        return f"<Session id={self.id} remote_id={self.remote_id} flags={self.flags!r}>"


class Session(BaseSession, NoopMixin, GenopMixin, ExecMixin, ImageMixin, ResultsMixin, BuffersMixin,
              BlasMixin, FpgaMixin, MinmaxMixin, TFMixin, TFLiteMixin, TorchMixin):
    """A session with all ops."""
