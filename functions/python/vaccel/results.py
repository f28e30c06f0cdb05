"""What structured ops find in pictures (mayfly/results.h)."""

import ctypes
import typing


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


class CObject(ctypes.Structure):  # struct mayfly_object
    _fields_ = [("label", ctypes.c_char * 64), ("score", ctypes.c_float), ("x", ctypes.c_float),
                ("y", ctypes.c_float), ("width", ctypes.c_float), ("height", ctypes.c_float)]

    def result(self):
        return Object(self.label.decode(), self.score, Box(self.x, self.y, self.width, self.height))


class CLabel(ctypes.Structure):  # struct mayfly_label
    _fields_ = [("label", ctypes.c_char * 64), ("index", ctypes.c_uint32), ("score", ctypes.c_float)]

    def result(self):
        return Label(self.label.decode(), self.index, self.score)


class CKeypoint(ctypes.Structure):  # struct mayfly_keypoint
    _fields_ = [("name", ctypes.c_char * 32), ("x", ctypes.c_float), ("y", ctypes.c_float),
                ("score", ctypes.c_float)]

    def result(self):
        return Keypoint(self.name.decode(), self.x, self.y, self.score)


class CMask(ctypes.Structure):  # struct mayfly_mask
    _fields_ = [("pixels", ctypes.c_void_p), ("room", ctypes.c_size_t), ("width", ctypes.c_uint32),
                ("height", ctypes.c_uint32)]
