"""The vAccel API for Python functions: what is in a picture.

    import vaccel

    session = vaccel.Session()          # before the first request: part of the snapshot
    for found in session.detect(photo): # a JPEG or PNG, as bytes
        print(found.label, found.score, found.box.x)

A binding of mayfly/results.h over libvaccel.so.0: in a guest the one that asks the host, elsewhere
the host's own with the plugins that VACCEL_PLUGINS names.
"""

import ctypes
import os
import typing

__all__ = ["Box", "Error", "Keypoint", "Label", "Mask", "Object", "Session"]

_RESOURCE_MODEL = 2  # VACCEL_RESOURCE_MODEL
_MASK_BYTES = 1024 * 1024  # more than any model's mask


class Error(OSError):
    """An op failed: errno says how, and the log says why where the host told."""


class Box(typing.NamedTuple):
    """Fractions of the picture's width and height, from the upper left corner."""
    x: float
    y: float
    width: float
    height: float


class Object(typing.NamedTuple):
    label: str
    score: float
    box: Box


class Label(typing.NamedTuple):
    label: str
    index: int  # of the class
    score: float


class Keypoint(typing.NamedTuple):
    name: str
    x: float
    y: float
    score: float


class Mask(typing.NamedTuple):
    """Row by row, 0 background to 255 foreground; of the model's size, not the picture's."""
    width: int
    height: int
    pixels: bytes


class _Object(ctypes.Structure):  # struct mayfly_object
    _fields_ = [("label", ctypes.c_char * 64), ("score", ctypes.c_float), ("x", ctypes.c_float),
                ("y", ctypes.c_float), ("width", ctypes.c_float), ("height", ctypes.c_float)]


class _Label(ctypes.Structure):  # struct mayfly_label
    _fields_ = [("label", ctypes.c_char * 64), ("index", ctypes.c_uint32),
                ("score", ctypes.c_float)]


class _Keypoint(ctypes.Structure):  # struct mayfly_keypoint
    _fields_ = [("name", ctypes.c_char * 32), ("x", ctypes.c_float), ("y", ctypes.c_float),
                ("score", ctypes.c_float)]


class _Mask(ctypes.Structure):  # struct mayfly_mask
    _fields_ = [("pixels", ctypes.c_void_p), ("room", ctypes.c_size_t),
                ("width", ctypes.c_uint32), ("height", ctypes.c_uint32)]


_library = ctypes.CDLL("libvaccel.so.0")


def _declare(name, *arguments):
    function = getattr(_library, name)
    function.argtypes, function.restype = arguments, ctypes.c_int
    return function


_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t
_session_new = _declare("vaccel_session_new", ctypes.POINTER(_POINTER), ctypes.c_uint32)
_session_delete = _declare("vaccel_session_delete", _POINTER)
_resource_new = _declare("vaccel_resource_new", ctypes.POINTER(_POINTER), ctypes.c_char_p,
                         ctypes.c_int)
_resource_delete = _declare("vaccel_resource_delete", _POINTER)
_resource_register = _declare("vaccel_resource_register", _POINTER, _POINTER)
_FIND = (_POINTER, ctypes.c_char_p, _SIZE, _POINTER, _SIZE, ctypes.POINTER(_SIZE))
_detect = _declare("mayfly_detect_objects", *_FIND)
_classify = _declare("mayfly_classify_labels", *_FIND)
_pose = _declare("mayfly_pose_keypoints", *_FIND)
_segment = _declare("mayfly_segment_mask", _POINTER, ctypes.c_char_p, _SIZE, ctypes.POINTER(_Mask))


def _check(error):
    if error:
        raise Error(error, os.strerror(error))


class Session:
    """A session with the accelerator host. `model` names a model of the host to use instead of the
    usual one of each task. Also a context manager."""

    def __init__(self, model=None):
        self._session, self._model = _POINTER(), _POINTER()
        _check(_session_new(ctypes.byref(self._session), 0))
        if model is None:
            return
        try:
            _check(_resource_new(ctypes.byref(self._model), f"model:{model}".encode(),
                                 _RESOURCE_MODEL))
            _check(_resource_register(self._model, self._session))
        except Error:
            self.close()
            raise

    def close(self):
        """Ends the session; doing it twice is no error."""
        if self._session:
            _session_delete(self._session)
        if self._model:
            _resource_delete(self._model)
        self._session, self._model = _POINTER(), _POINTER()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _check_input(self, image):
        if not self._session:
            raise ValueError("the session is closed")
        if not image:
            raise ValueError("a picture of no bytes")
        return bytes(image)

    def _find(self, op, kind, image, limit):
        image = self._check_input(image)
        results, count = (kind * limit)(), _SIZE()
        _check(op(self._session, image, len(image), results, limit, ctypes.byref(count)))
        return results[:count.value]

    def detect(self, image, limit=100):
        """The objects in a picture, at most `limit`, best first."""
        return [Object(found.label.decode(), found.score,
                       Box(found.x, found.y, found.width, found.height))
                for found in self._find(_detect, _Object, image, limit)]

    def classify(self, image, limit=5):
        """What the picture shows, at most `limit` labels, best first."""
        return [Label(found.label.decode(), found.index, found.score)
                for found in self._find(_classify, _Label, image, limit)]

    def pose(self, image, limit=64):
        """The keypoints of the person that is seen best."""
        return [Keypoint(found.name.decode(), found.x, found.y, found.score)
                for found in self._find(_pose, _Keypoint, image, limit)]

    def segment(self, image):
        """The persons in the picture, as a mask."""
        image = self._check_input(image)
        pixels = ctypes.create_string_buffer(_MASK_BYTES)
        mask = _Mask(ctypes.addressof(pixels), _MASK_BYTES, 0, 0)
        _check(_segment(self._session, image, len(image), ctypes.byref(mask)))
        return Mask(mask.width, mask.height, pixels.raw[:mask.width * mask.height])
