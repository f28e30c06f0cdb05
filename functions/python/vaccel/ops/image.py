"""Image ops that answer with text, as vAccel's do. vaccel.ops.results has those that answer with structs."""

import ctypes

from .._library import check, lib
from .._memory import Memory, text_of

_TEXT_SIZE = 512


class ImageMixin:
    def _text(self, function, image, what):
        picture, text = Memory(image), ctypes.create_string_buffer(_TEXT_SIZE)
        check(function(self.pointer, picture.pointer, text, picture.size, len(text)), what)
        return text_of(text)

    def classify(self, image):
        """(what the picture shows, the name of a picture that the plugin has written or "")."""
        picture = Memory(image)
        text, name = (ctypes.create_string_buffer(_TEXT_SIZE) for _ in range(2))
        check(lib.vaccel_image_classification(self.pointer, picture.pointer, text, name, picture.size,
                                              len(text), len(name)), "image classification")
        return text_of(text), text_of(name)

    def detect(self, image):
        return self._text(lib.vaccel_image_detection, image, "image detection")

    def segment(self, image):
        return self._text(lib.vaccel_image_segmentation, image, "image segmentation")

    def pose(self, image):
        return self._text(lib.vaccel_image_pose, image, "image pose")

    def depth(self, image):
        return self._text(lib.vaccel_image_depth, image, "image depth")
