"""Steps in which Mayfly differs from what engines and kubelets get elsewhere, and why."""

IN_MEMORY = "what a guest writes stays in its memory"
TERMINAL = "the library OS has no terminals: streams are files to a program"

KNOWN = {
    "podman, mayfly-oci: process: has no rights of root": "the library OS checks no rights of files",
    "podman, mayfly-oci: files: can be written": IN_MEMORY,
    "podman, mayfly-oci: files: one to read only": IN_MEMORY,
    "podman, mayfly-oci: files: a root to read only": IN_MEMORY,
    "podman, mayfly-oci: files: what it wrote stays in its layer": IN_MEMORY,
    "podman, mayfly-oci: terminal: run": TERMINAL,
    "podman, mayfly-oci: terminal: exec": TERMINAL,
    "CRI, mayfly-oci: mounts: one to read only": IN_MEMORY,
    "CRI, mayfly-oci: mounts: one can be written": IN_MEMORY,
}
