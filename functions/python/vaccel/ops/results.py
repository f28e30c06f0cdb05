"""Image ops that answer with structs: Mayfly's own."""

import ctypes

from .._library import check, lib
from .._memory import Memory
from ..results import CKeypoint, CLabel, CMask, CObject, Mask

_MASK_BYTES = 1024 * 1024  # more than any model's mask


class ResultsMixin:
    """Pictures are JPEGs or PNGs, as bytes."""

    @staticmethod
    def _picture(image):
        picture = Memory(image)
        if not picture.size:
            raise ValueError("a picture of no bytes")
        return picture

    def _find(self, function, kind, image, limit, what):
        picture = self._picture(image)
        found, count = (kind * limit)(), ctypes.c_size_t()
        check(function(self.pointer, picture.pointer, picture.size, found, limit, ctypes.byref(count)), what)
        return [each.result() for each in found[:count.value]]

    def detect_objects(self, image, limit=100):
        """The objects in a picture, at most `limit`, best first."""
        return self._find(lib.mayfly_detect_objects, CObject, image, limit, "detection of objects")

    def classify_labels(self, image, limit=5):
        """What the picture shows, at most `limit` labels, best first."""
        return self._find(lib.mayfly_classify_labels, CLabel, image, limit, "classification")

    def pose_keypoints(self, image, limit=64):
        """The keypoints of the person that is seen best."""
        return self._find(lib.mayfly_pose_keypoints, CKeypoint, image, limit, "pose")

    def segment_mask(self, image):
        """The persons in the picture, as a mask."""
        picture, pixels = self._picture(image), ctypes.create_string_buffer(_MASK_BYTES)
        mask = CMask(ctypes.addressof(pixels), _MASK_BYTES, 0, 0)
        check(lib.mayfly_segment_mask(self.pointer, picture.pointer, picture.size, ctypes.byref(mask)),
              "segmentation")
        return Mask(mask.width, mask.height, pixels.raw[:mask.width * mask.height])
