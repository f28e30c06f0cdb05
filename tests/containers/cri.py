"""A client of the CRI: the calls that a kubelet makes for a pod."""
import importlib
import pathlib
import sys

from steps import must

SOCKET = "unix:///run/containerd/containerd.sock"
CALL_S = 60
EXITED = 2  # runtime.v1.ContainerState
POD_OF_ITS_OWN, POD_READY = 1, 0  # NamespaceMode CONTAINER; PodSandboxState


def load_messages(folder):
    """Compiles cri.proto into the folder and returns its module."""
    here = pathlib.Path(__file__).resolve().parent
    must("protoc", f"--proto_path={here}", f"--python_out={folder}", here / "cri.proto")
    sys.path.insert(0, str(folder))
    return importlib.import_module("cri_pb2")


class Cri:
    """Calls by name with a message each; the answer is a message."""

    def __init__(self, folder):
        import grpc  # pylint: disable=import-outside-toplevel
        self.messages = load_messages(folder)
        self.error = grpc.RpcError
        self.channel = grpc.insecure_channel(SOCKET)
        self.service = self.messages.DESCRIPTOR.services_by_name["RuntimeService"]

    def call(self, name, message):
        method = self.service.methods_by_name[name]
        answer = getattr(self.messages, method.output_type.name)
        return self.channel.unary_unary(f"/{self.service.full_name}/{name}",
                                        request_serializer=lambda sent: sent.SerializeToString(),
                                        response_deserializer=answer.FromString)(message, timeout=CALL_S)


class Pod:
    """A pod of one runtime, and its containers."""

    def __init__(self, cri, runtime, name, log_folder, network="pod"):
        messages = cri.messages
        self.cri, self.logs = cri, log_folder
        security = messages.SandboxSecurity(namespace_options=messages.Ipc(
            pid=POD_OF_ITS_OWN, network=0 if network == "pod" else 2))
        self.config = messages.PodConfig(
            metadata=messages.Metadata(name=name, uid=f"uid-{name}", namespace="default"), hostname=name,
            log_directory=str(log_folder), annotations={"mayfly.dev/memory": "128M"},
            linux=messages.LinuxPod(cgroup_parent="/kubepods", security_context=security))
        self.id = cri.call("RunPodSandbox", messages.RunPod(config=self.config, runtime_handler=runtime)).pod_sandbox_id

    def status(self):
        return self.cri.call("PodSandboxStatus", self.cri.messages.PodId(pod_sandbox_id=self.id)).status

    def create(self, name, image, command=(), **fields):
        messages = self.cri.messages
        config = messages.ContainerConfig(metadata=messages.ContainerMetadata(name=name), command=command,
                                          image=messages.Image(image=f"localhost/{image}:1"),
                                          log_path=f"{name}.log", **fields)
        return self.cri.call("CreateContainer", messages.Create(
            pod_sandbox_id=self.id, config=config, sandbox_config=self.config)).container_id

    def container(self, call, container):
        return self.cri.call(call, self.cri.messages.ContainerId(container_id=container))

    def start(self, name, image, command=(), **fields):
        container = self.create(name, image, command, **fields)
        self.container("StartContainer", container)
        return container

    def look(self, container):
        return self.container("ContainerStatus", container).status

    def exec(self, container, *command, limit=20):
        return self.cri.call("ExecSync", self.cri.messages.Exec(container_id=container, cmd=command, timeout=limit))

    def stop(self, container, grace=10):
        self.cri.call("StopContainer", self.cri.messages.Stop(container_id=container, timeout=grace))

    def log(self, name):
        """What the container wrote, as the kubelet's format has it: time, stream, whether the line is whole, text."""
        path = self.logs / f"{name}.log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [tuple(line.split(" ", 3)[1::2]) for line in lines]

    def end(self):
        pod = self.cri.messages.PodId(pod_sandbox_id=self.id)
        self.cri.call("StopPodSandbox", pod)
        self.cri.call("RemovePodSandbox", pod)
