"""Environment variables for libraries: no telemetry, and no proxy in front of this machine (ADR 44)."""

import os
from collections.abc import MutableMapping

_TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
# Some libraries read ranges, such as requests, and others addresses only, such as httpx.
_LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")
_WITHOUT_PROXY = ("no_proxy", "NO_PROXY")


def prepare_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Change the environment of this process and of its children. Call it before a library is imported."""
    environment.update(_TELEMETRY_OFF)
    # Libraries differ in which spelling they read, and in which one wins.
    given = next((environment[name] for name in _WITHOUT_PROXY if environment.get(name)), "")
    hosts = [host for part in given.split(",") if (host := part.strip())]
    if hosts != ["*"]:
        hosts += [host for host in _LOOPBACK if host not in hosts]
    environment.update(dict.fromkeys(_WITHOUT_PROXY, ",".join(hosts)))
