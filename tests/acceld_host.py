"""An accelerator host of the build's, for programs that measure it or send it what they like."""
import os
import subprocess


def start(build, folder, *options, **variables):
    """Starts one with the onnx plugin whose socket is acceld.sock in the folder, and its log
    acceld.log. Returns its process once it serves."""
    reader, writer = os.pipe()
    with open(folder / "acceld.log", "wb") as log:
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [build / "acceld/mayfly-acceld", "--foreground", f"--socket={folder}/acceld.sock",
             f"--ready-fd={writer}", "--idle=0s", *options],
            pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder),
                 "VACCEL_PLUGINS": str(build / "plugins/onnx/libvaccel-onnx.so"), **variables})
    os.close(writer)
    with os.fdopen(reader) as ready:
        said = ready.read()
    if said != "\n":
        raise SystemExit(f"the accelerator host does not start: {said}")
    return process
