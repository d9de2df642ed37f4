"""A real Alertmanager routes alerts by severity and inhibits those that another alert explains."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
import yaml

from tests.support.servers.redis_server import free_port
from tests.support.shipped.expressions import DASHBOARDS
from tests.support.shipped.manifests import K8S

pytestmark = pytest.mark.slow

CONFIG = DASHBOARDS / "alertmanager.yml"
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
AMTOOL = shutil.which("amtool")
STAGING = yaml.safe_load((K8S / "overlays" / "staging" / "kustomization.yaml").read_text())["namespace"]
_SECONDS = 120
_SERVICE, _WORKER = "groundwork-service", "groundwork-worker"

needs_amtool = pytest.mark.skipif(AMTOOL is None, reason="amtool is missing: apt-get install prometheus-alertmanager")
needs_alertmanager = pytest.mark.skipif(
    ALERTMANAGER is None, reason="Alertmanager is missing: apt-get install prometheus-alertmanager"
)


@needs_amtool
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["severity=page"], "pager"),
        (["severity=ticket"], "tickets"),
        (["severity=page", "namespace=groundwork"], "pager"),
        (["severity=page", f"namespace={STAGING}"], "tickets"),
    ],
)
def test_the_severity_decides_the_receiver_and_staging_never_pages(labels, receiver):
    subprocess.run([str(AMTOOL), "check-config", str(CONFIG)], capture_output=True, check=True)
    command = [str(AMTOOL), "config", "routes", "test", f"--config.file={CONFIG}", *labels]
    routed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"\w+", routed) == [receiver]


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory) -> Iterator[httpx.Client]:
    """Run Alertmanager with the shipped configuration. Its receivers do not exist, so notifications fail."""
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                str(ALERTMANAGER),
                f"--config.file={CONFIG}",
                f"--storage.path={folder}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            _wait_until_ready(http, process)
            yield http
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _wait_until_ready(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if http.get("/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("Alertmanager does not start.")


@needs_alertmanager
@pytest.mark.parametrize(
    ("firing", "inhibited"),
    [
        pytest.param(
            {
                "ServiceDown": _SERVICE,
                "ReplicaDown": _SERVICE,
                "LanguageModelDown": _SERVICE,
                "AvailabilityBudgetBurning": _SERVICE,
                "QueueStalled": _WORKER,
            },
            {"ReplicaDown", "LanguageModelDown", "AvailabilityBudgetBurning"},
            id="a missing service explains all its alerts",
        ),
        pytest.param(
            {
                "ReplicaDown": _SERVICE,
                "LanguageModelDown": _SERVICE,
                "SearchFailing": _SERVICE,
                "GateRefusing": _SERVICE,
            },
            set(),
            id="a missing replica explains no other alert",
        ),
        pytest.param(
            {
                "WorkerDown": _WORKER,
                "ReplicaDown": _WORKER,
                "QueueStalled": _WORKER,
                "QueueUnknown": _WORKER,
                "DeadLetters": _WORKER,
            },
            {"ReplicaDown", "QueueStalled", "QueueUnknown"},
            id="a missing worker explains a stalled queue",
        ),
        pytest.param(
            {
                "SearchFailing": _SERVICE,
                "AvailabilityBudgetBurning": _SERVICE,
                "ReadersLeave": _SERVICE,
                "GroundednessBudgetBurning": _SERVICE,
            },
            {"AvailabilityBudgetBurning", "ReadersLeave"},
            id="a cause explains its error budget",
        ),
    ],
)
def test_an_explained_alert_is_inhibited_in_its_own_namespace_only(alertmanager, request, firing, inhibited):
    # All cases share one server. Each case uses its own namespace, so that it also tests the isolation.
    namespace = request.node.callspec.id
    alerts = [
        {"labels": {"alertname": alert, "job": job, "namespace": namespace, "severity": "page"}}
        for alert, job in firing.items()
    ]
    alertmanager.post("/api/v2/alerts", json=alerts).raise_for_status()
    expected = {alert: "suppressed" if alert in inhibited else "active" for alert in firing}
    deadline = time.monotonic() + _SECONDS
    while (states := _states(alertmanager, namespace)) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert states == expected


def _states(alertmanager: httpx.Client, namespace: str) -> dict[str, str]:
    alerts = alertmanager.get("/api/v2/alerts", params={"filter": f'namespace="{namespace}"'}).json()
    return {alert["labels"]["alertname"]: alert["status"]["state"] for alert in alerts}
