"""The vAccel API for Python: what is in a picture, models, products of matrices, functions of others.

    import vaccel

    session = vaccel.Session()                  # before the first request: part of the snapshot
    for found in session.detect_objects(photo): # a JPEG or PNG, as bytes
        print(found.label, found.score, found.box.x)

The calls are those of vAccel's own package, over libvaccel.so.0; those with structured results, buffers and
the argument `model` of a session are Mayfly's.
"""

from .arg import Arg
from .config import Config, bootstrap, cleanup
from .enums import ArgType, LogLevel, OpType, PluginType, ResourceType
from .error import Error, FFIError, NullPointerError
from .resource import Resource
from .results import Box, Keypoint, Label, Mask, Object
from .session import Session

__version__ = "0.8.0"

__all__ = [
    "Arg", "ArgType", "Box", "Config", "Error", "FFIError", "Keypoint", "Label", "LogLevel", "Mask",
    "NullPointerError", "Object", "OpType", "PluginType", "Resource", "ResourceType", "Session",
    "__version__", "bootstrap", "cleanup",
]
