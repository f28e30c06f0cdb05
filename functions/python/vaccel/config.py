"""What can be chosen about the library."""

import ctypes

from ._library import check, lib


class Config:
    """For bootstrap(). `plugins` are names or paths with colons between them; `log_level` is 1 (errors) to
    4 (debug)."""

    def __init__(self, plugins="libvaccel-noop.so", log_level=1, log_file=None, *,
                 profiling_enabled=False, version_ignore=False):
        self.plugins = str(plugins)
        self.log_level = int(log_level)
        self.log_file = None if log_file is None else str(log_file)
        self.profiling_enabled = bool(profiling_enabled)
        self.version_ignore = bool(version_ignore)
        self._config = ctypes.c_void_p()
        check(lib.vaccel_config_new(
            ctypes.byref(self._config), self.plugins.encode(), self.log_level,
            None if self.log_file is None else self.log_file.encode(), self.profiling_enabled,
            self.version_ignore), "cannot make a configuration")

    def __del__(self):
        if getattr(self, "_config", None):
            lib.vaccel_config_delete(self._config)

    def __repr__(self):
        return (f"<Config plugins={self.plugins!r} log_level={self.log_level} log_file={self.log_file!r} "
                f"profiling_enabled={self.profiling_enabled} version_ignore={self.version_ignore}>")


def bootstrap(config=None):
    """Starts the library again, with the configuration, or with that of the environment. What was open
    before is lost."""
    if config is None:
        check(lib.vaccel_bootstrap(), "cannot start the library")
    else:
        check(lib.vaccel_bootstrap_with_config(config._config), "cannot start the library")


def cleanup():
    """Ends the library; the interpreter's end does it, too."""
    check(lib.vaccel_cleanup(), "cannot end the library")
