"""What a kubelet does: pods, their containers, probes by exec, logs and the way to their end."""
import contextlib

from cri import EXITED, POD_READY, Cri, Pod
from podman_steps import SERVER, SERVES, TICKS
from rig import STATE
from steps import must, run, until


def load(archives):
    for archive in archives:
        must("ctr", "-n", "k8s.io", "image", "import", archive)


def connect():
    folder = STATE / "cri"
    folder.mkdir(exist_ok=True)
    return Cri(folder)


@contextlib.contextmanager
def pod_of(cri, runtime, name):
    logs = STATE / f"pod-{name}-{runtime}"
    logs.mkdir(exist_ok=True)
    pod = Pod(cri, runtime, f"{name}-{runtime}", logs)
    try:
        yield pod
    finally:
        pod.end()


def job(check, cri, runtime):
    """job"""
    with pod_of(cri, runtime, "job") as pod:
        check("the pod is ready", pod.status().state == POD_READY, pod.status())
        container = pod.start("hello", "hello", args=["42"])
        until(lambda: pod.look(container).state == EXITED)
        check("its status", pod.look(container).exit_code == 42, pod.look(container))
        check("its log", pod.log("hello") == [("stdout", "hello from a container")], pod.log("hello"))
        pod.container("RemoveContainer", container)
        container = pod.start("named", "box", ["sh", "-c", 'echo "$GIVEN $FROM_IMAGE $(pwd) $(hostname)"; echo err >&2'],
                              envs=[cri.messages.Pair(key="GIVEN", value="x")], working_dir="/etc")
        until(lambda: pod.look(container).state == EXITED)
        check("environment, directory, host name", sorted(pod.log("named")) == [
            ("stderr", "err"), ("stdout", f"x yes /etc job-{runtime}")], pod.log("named"))
        try:
            pod.start("absent", "box", ["/no/such/program"])
            check("a program that is not there", False, "it started")
        except cri.error as error:
            check("a program that is not there", "no/such/program" in error.details(), error.details())


def service(check, cri, runtime):
    """service"""
    with pod_of(cri, runtime, "service") as pod:
        container = pod.start("server", "python", args=["-c", SERVER], annotations=SERVES)
        address = pod.status().network.ip

        def ask():
            return run("python3", "-c", "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read())",
                       f"http://{address}:8000/two")

        check("answers at the pod's address", until(lambda: "asked for /two" in ask().out), ask())
        answer = pod.exec(container, "sh", "-c", "echo probed; exit 0")
        check("a probe", (answer.exit_code, answer.stdout) == (0, b"probed\n"), answer)
        answer = pod.exec(container, "sh", "-c", "echo no >&2; exit 9")
        check("a probe that fails", (answer.exit_code, answer.stderr) == (9, b"no\n"), answer)
        pod.stop(container, 5)
        check("is stopped", pod.look(container).state == EXITED and pod.look(container).exit_code in (137, 143),
              pod.look(container))


def graceful(check, cri, runtime):
    """graceful"""
    with pod_of(cri, runtime, "graceful") as pod:
        container = pod.start("trap", "box", ["sh", "-c",
                                              "trap 'echo bye; exit 0' TERM; echo ready; while true; do sleep 0.1; done"])
        until(lambda: ("stdout", "ready") in pod.log("trap"))
        pod.stop(container, 50)
        check("hears SIGTERM", pod.look(container).exit_code == 0 and ("stdout", "bye") in pod.log("trap"),
              f"{pod.look(container)} {pod.log('trap')}")


def mounts(check, cri, runtime):
    """mounts"""
    shared = STATE / f"cri-shared-{runtime}"
    shared.mkdir(exist_ok=True)
    (shared / "key").write_text("value", encoding="ascii")
    given = [cri.messages.Mount(container_path="/etc/config", host_path=str(shared), readonly=True),
             cri.messages.Mount(container_path="/cache", host_path=str(shared))]
    with pod_of(cri, runtime, "mounts") as pod:
        container = pod.start("mounts", "box", ["sh", "-c", "cat /etc/config/key; echo >/etc/config/no || echo refused; "
                                                "echo written >/cache/new"], mounts=given)
        until(lambda: pod.look(container).state == EXITED)
        said = "".join(text for stream, text in pod.log("mounts") if stream == "stdout")
        check("a configuration", said.startswith("value"), pod.log("mounts"))
        check("one to read only", said.endswith("refused") and not (shared / "no").exists(), pod.log("mounts"))
        check("one can be written", (shared / "new").exists(), list(shared.iterdir()))


def two_containers(check, cri, runtime):
    """two containers"""
    with pod_of(cri, runtime, "two") as pod:
        limited = cri.messages.LinuxContainer(resources=cri.messages.Resources(memory_limit_in_bytes=256 << 20))
        both = [pod.start(name, "box", ["sh", "-c", TICKS], linux=limited) for name in ("one", "two")]
        check("run beside each other", until(lambda: ("stdout", "tick 3") in pod.log("one")
                                             and ("stdout", "tick 3") in pod.log("two")), pod.log("two")[:5])
        cri.call("UpdateContainerResources", cri.messages.UpdateContainer(
            container_id=both[0], linux=cri.messages.Resources(memory_limit_in_bytes=300 << 20)))
        pod.stop(both[0], 0)
        check("one ends, the other does not", pod.look(both[0]).exit_code == 137
              and pod.look(both[1]).state != EXITED, pod.look(both[0]))


ALL = (job, service, graceful, mounts, two_containers)
