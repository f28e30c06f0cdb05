"""What goes wrong."""

import errno


class Error(OSError, RuntimeError):
    """A call failed: `errno` (also `code`) says how, `message` what was tried; the log says why where the
    host told."""

    def __init__(self, code, message):
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self):
        return f"[errno {self.code}] {errno.errorcode.get(self.code, '?')}: {self.message}"


# As vAccel's own package calls them.
FFIError = Error


class NullPointerError(RuntimeError, ValueError):
    """What was asked for has been closed."""
