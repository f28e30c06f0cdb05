"""Resources: files, models and data that ops of a session use."""

import ctypes

from ._library import check, lib
from ._memory import Memory
from .enums import ResourceType
from .error import NullPointerError


class CBlob(ctypes.Structure):  # struct vaccel_blob
    _fields_ = [("type", ctypes.c_int), ("name", ctypes.c_char_p), ("path", ctypes.c_char_p),
                ("path_owned", ctypes.c_bool), ("data", ctypes.c_void_p), ("data_owned", ctypes.c_bool),
                ("size", ctypes.c_size_t)]


class CResource(ctypes.Structure):  # the begin of struct vaccel_resource
    _fields_ = [("id", ctypes.c_int64), ("remote_id", ctypes.c_int64), ("type", ctypes.c_int),
                ("path_type", ctypes.c_int), ("paths", ctypes.POINTER(ctypes.c_char_p)),
                ("nr_paths", ctypes.c_size_t), ("rundir", ctypes.c_char_p),
                ("blobs", ctypes.POINTER(ctypes.POINTER(CBlob))), ("nr_blobs", ctypes.c_size_t)]


class Resource:
    """Made of one or more paths: of files, of a directory, of the address of a file (https://…), or
    model:NAME, a model that is installed at the host."""

    def __init__(self, paths, type_):
        names = [str(path) for path in (paths if isinstance(paths, (list, tuple)) else [paths])]
        self._memory, self._names, self._resource = None, names, ctypes.c_void_p()
        self.type = ResourceType(type_)
        if len(names) == 1:
            code = lib.vaccel_resource_new(ctypes.byref(self._resource), names[0].encode(), self.type)
        else:
            array = (ctypes.c_char_p * max(len(names), 1))(*(name.encode() for name in names))
            code = lib.vaccel_resource_multi_new(ctypes.byref(self._resource), array, len(names), self.type)
        check(code, f"cannot make a resource of {', '.join(names)}")

    @classmethod
    def from_buffer(cls, data, type_):
        """Of bytes, which are not copied."""
        self = cls.__new__(cls)
        self._memory, self._names, self._resource = Memory(data), [], ctypes.c_void_p()
        self.type = ResourceType(type_)
        check(lib.vaccel_resource_from_buf(
            ctypes.byref(self._resource), self._memory.pointer, self._memory.size, self.type, None, True),
            f"cannot make a resource of {self._memory.size} bytes")
        return self

    @classmethod
    def from_numpy(cls, data):
        """Data, of a numpy array, which is not copied."""
        return cls.from_buffer(data, ResourceType.DATA)

    @property
    def pointer(self):
        if not self._resource:
            raise NullPointerError("the resource is closed")
        return self._resource

    @property
    def value(self):
        """The C struct."""
        return CResource.from_address(self.pointer.value)

    @property
    def id(self):
        return self.value.id

    @property
    def remote_id(self):
        return self.value.remote_id

    def register(self, session):
        """Lets ops of the session use it."""
        check(lib.vaccel_resource_register(self.pointer, session.pointer),
              f"cannot register resource {self.id} with session {session.id}")
        session._keep(self)

    def unregister(self, session):
        check(lib.vaccel_resource_unregister(self.pointer, session.pointer),
              f"cannot unregister resource {self.id} from session {session.id}")
        session._drop(self)

    def sync(self, session):
        """Brings what the other side has made of the data."""
        check(lib.vaccel_resource_sync(self.pointer, session.pointer),
              f"cannot synchronise resource {self.id} in session {session.id}")

    def close(self):
        """Takes it away from all sessions; doing it twice is no error."""
        resource, self._resource = self._resource, ctypes.c_void_p()
        if resource:
            check(lib.vaccel_resource_delete(resource), "cannot delete a resource")

    def __del__(self):
        if getattr(self, "_resource", None):
            lib.vaccel_resource_delete(self._resource)

    def __repr__(self):
        if not self._resource:
            return "<Resource (closed)>"
        return f"<Resource id={self.id} remote_id={self.remote_id} type={self.type.name} " \
               f"paths={self._names!r}>"
