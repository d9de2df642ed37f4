"""The API server of the drill: the real one that TEST_KUBECONFIG names, through kubectl."""

import json
import subprocess
from typing import Any, Protocol

from rag.errors import InvalidInput
from tests.support.shipped.manifests import KUBECTL

Object = dict[str, Any]

MANAGER = "argocd-controller"
_SECONDS = 120


class Api(Protocol):
    """What the drill asks of an API server."""

    parts: str
    """What answers, for the report."""

    def apply(self, objects: list[Object], *, server_side: bool, dry_run: bool = False) -> list[Object]:
        """Apply as Argo CD does, and return the objects as they are, or would be, afterwards."""

    def get(self, objects: list[Object]) -> list[Object]:
        """Return the live objects of the same kinds and names."""

    def patch(self, target: Object, change: Object, *, manager: str) -> None:
        """Change fields as a controller does."""

    def clean_up(self) -> None:
        """Remove everything that the drill has made."""


class KubectlApi:
    """A real API server with the CRDs of all operators. Everything is in one namespace, which is removed at the end."""

    parts = "the real API server"

    def __init__(self, kubeconfig: str, namespace: str) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = namespace

    def apply(self, objects: list[Object], *, server_side: bool, dry_run: bool = False) -> list[Object]:
        way = ["--server-side", "--force-conflicts", f"--field-manager={MANAGER}"] if server_side else []
        return self._on_files(["apply", *way, *(["--dry-run=server"] if dry_run else [])], objects)

    def get(self, objects: list[Object]) -> list[Object]:
        return self._on_files(["get"], objects)

    def patch(self, target: Object, change: Object, *, manager: str) -> None:
        way = ["--type=merge", f"--field-manager={manager}", f"--patch={json.dumps(change)}", "--filename=-"]
        self._run(["patch", *way], json.dumps(target))

    def clean_up(self) -> None:
        self._run(["delete", "namespace", self._namespace, "--ignore-not-found", "--wait=false"])

    def _on_files(self, command: list[str], objects: list[Object]) -> list[Object]:
        if not objects:
            return []
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        answer: Object = json.loads(self._run([*command, "--output=json", "--filename=-"], listed))
        items: list[Object] = answer["items"] if answer["kind"] == "List" else [answer]
        return items

    def _run(self, command: list[str], text: str = "") -> str:
        whole = [str(KUBECTL), "--kubeconfig", self._kubeconfig, *command]
        done = subprocess.run(whole, input=text, capture_output=True, text=True, check=False, timeout=_SECONDS)
        if done.returncode != 0:
            raise InvalidInput(
                f"`kubectl {command[0]}` failed on the API server of TEST_KUBECONFIG: {done.stderr.strip()[-2000:]}\n"
                "The server needs the CRDs of Gateway API, External Secrets, KEDA, Argo Rollouts and the Prometheus "
                "operator."
            )
        return done.stdout
