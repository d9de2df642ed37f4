"""Environment variables for libraries: no telemetry, no proxy in front of this machine, no foreign folders (ADR 44)."""

import os
from collections.abc import MutableMapping

_TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
# Some libraries read ranges, such as requests, and others addresses only, such as httpx.
_LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")
# prometheus_client writes the metrics of gunicorn's processes there, and fails if the folder does not exist. Each
# process of this project has its own /metrics.
_IGNORED = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
_WITHOUT_PROXY = ("no_proxy", "NO_PROXY")


def prepare_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Change the environment of this process and of its children. Call it before a library is imported."""
    environment.update(_TELEMETRY_OFF)
    for name in _IGNORED:
        environment.pop(name, None)
    # Libraries differ in which spelling they read, and in which one wins.
    given = next((environment[name] for name in _WITHOUT_PROXY if environment.get(name)), "")
    hosts = [host for part in given.split(",") if (host := part.strip())]
    if hosts != ["*"]:
        hosts += [host for host in _LOOPBACK if host not in hosts]
    environment.update(dict.fromkeys(_WITHOUT_PROXY, ",".join(hosts)))
