"""The C library: libvaccel.so.0, in a guest the one that asks the host, elsewhere the host's own with the
plugins that VACCEL_PLUGINS names. Functions are looked up when they are first called."""

import ctypes
import os

from .error import Error

POINTER, SIZE, TEXT, INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_int
INT64, FLOAT, BOOL, OUT = ctypes.c_int64, ctypes.c_float, ctypes.c_bool, ctypes.POINTER(ctypes.c_void_p)
_FLAGS, _SIZE_OUT = ctypes.c_uint32, ctypes.POINTER(SIZE)
_FIND = (POINTER, POINTER, SIZE, POINTER, SIZE, _SIZE_OUT)
_IMAGE = (POINTER, POINTER, POINTER, SIZE, SIZE)
_TENSORS = (POINTER, SIZE, POINTER, SIZE)

# The arguments of each function that is used here. All return an int: 0 or a VACCEL_E… code.
_FUNCTIONS = {
    "vaccel_bootstrap": (),
    "vaccel_bootstrap_with_config": (POINTER,),
    "vaccel_cleanup": (),
    "vaccel_config_new": (OUT, TEXT, INT, TEXT, BOOL, BOOL),
    "vaccel_config_delete": (POINTER,),
    "vaccel_session_new": (OUT, _FLAGS),
    "vaccel_session_delete": (POINTER,),
    "vaccel_session_has_resource": (POINTER, POINTER),
    "vaccel_resource_new": (OUT, TEXT, INT),
    "vaccel_resource_multi_new": (OUT, POINTER, SIZE, INT),
    "vaccel_resource_from_buf": (OUT, POINTER, SIZE, INT, TEXT, BOOL),
    "vaccel_resource_delete": (POINTER,),
    "vaccel_resource_register": (POINTER, POINTER),
    "vaccel_resource_unregister": (POINTER, POINTER),
    "vaccel_resource_sync": (POINTER, POINTER),
    "vaccel_noop": (POINTER,),
    "vaccel_genop": (POINTER, POINTER, INT, POINTER, INT),
    "vaccel_exec": (POINTER, TEXT, TEXT, POINTER, SIZE, POINTER, SIZE),
    "vaccel_exec_with_resource": (POINTER, POINTER, TEXT, POINTER, SIZE, POINTER, SIZE),
    "vaccel_image_classification": (POINTER, POINTER, POINTER, POINTER, SIZE, SIZE, SIZE),
    "vaccel_image_detection": _IMAGE,
    "vaccel_image_segmentation": _IMAGE,
    "vaccel_image_pose": _IMAGE,
    "vaccel_image_depth": _IMAGE,
    "vaccel_sgemm": (POINTER, INT64, INT64, INT64, FLOAT, POINTER, INT64, POINTER, INT64, FLOAT, POINTER,
                     INT64),
    "vaccel_minmax": (POINTER, POINTER, INT, INT, INT, POINTER, POINTER, POINTER),
    "vaccel_fpga_arraycopy": (POINTER, POINTER, POINTER, SIZE),
    "vaccel_fpga_mmult": (POINTER, POINTER, POINTER, POINTER, SIZE),
    "vaccel_fpga_parallel": (POINTER, POINTER, POINTER, POINTER, POINTER, SIZE),
    "vaccel_fpga_vadd": (POINTER, POINTER, POINTER, POINTER, SIZE, SIZE),
    "vaccel_tf_model_load": (POINTER, POINTER, POINTER),
    "vaccel_tf_model_unload": (POINTER, POINTER, POINTER),
    "vaccel_tf_model_run": (POINTER, POINTER, POINTER, POINTER, POINTER, SIZE, POINTER, POINTER, SIZE,
                            POINTER),
    "vaccel_tf_status_release": (POINTER,),
    "vaccel_tflite_model_load": (POINTER, POINTER),
    "vaccel_tflite_model_unload": (POINTER, POINTER),
    "vaccel_tflite_model_run": (POINTER, POINTER, *_TENSORS, POINTER),
    "vaccel_torch_model_load": (POINTER, POINTER),
    "vaccel_torch_model_run": (POINTER, POINTER, POINTER, *_TENSORS),
    "mayfly_detect_objects": _FIND,
    "mayfly_classify_labels": _FIND,
    "mayfly_pose_keypoints": _FIND,
    "mayfly_segment_mask": (POINTER, POINTER, SIZE, POINTER),
    "mayfly_buffer_new": (POINTER, SIZE, OUT),
    "mayfly_buffer_delete": (POINTER, POINTER),
}
for _kind in ("tf", "tflite", "torch"):
    _FUNCTIONS[f"vaccel_{_kind}_tensor_delete"] = (POINTER,)

_RETURNS_BOOL = {"vaccel_session_has_resource"}


class _Library:
    def __init__(self):
        self._library = ctypes.CDLL("libvaccel.so.0")

    def __getattr__(self, name):
        arguments = _FUNCTIONS[name]
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise NotImplementedError(f"this libvaccel has no {name}()") from None
        function.argtypes = arguments
        function.restype = BOOL if name in _RETURNS_BOOL else INT
        setattr(self, name, function)
        return function


lib = _Library()


def check(code, what):
    """Raises what a function's code says; `what` failed."""
    if code:
        raise Error(code, f"{what}: {os.strerror(code)}")
