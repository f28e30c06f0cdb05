"""Steps in which Mayfly differs from what engines and kubelets get elsewhere, and why."""

TERMINAL = "the library OS has no terminals: streams are files to a program"

KNOWN = {
    "podman, mayfly-oci: terminal: run": TERMINAL,
    "podman, mayfly-oci: terminal: exec": TERMINAL,
}
