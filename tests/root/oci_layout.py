"""Writes OCI image layouts for tests."""
import hashlib
import json


def write_blob(folder, data):
    """Its descriptor."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def write_layout(folder, layers, config=None, platform=None, others=()):
    """A layout with one image of these layers (archives), and with the descriptors of `others`."""
    folder.mkdir(exist_ok=True)
    manifest = {"schemaVersion": 2, "layers": [write_blob(folder, layer) for layer in layers]}
    if config is not None:
        document = {"architecture": "amd64", "os": "linux", "config": config}
        manifest["config"] = write_blob(folder, json.dumps(document).encode())
    image = write_blob(folder, json.dumps(manifest).encode())
    if platform:
        image["platform"] = platform
    (folder / "index.json").write_text(json.dumps({"manifests": [*others, image]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder
