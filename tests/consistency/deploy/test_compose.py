"""The Dockerfile, compose.yaml and .env.example match the programs: settings, ports, limits, files."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import ingest.settings
import service.settings
from rag.settings import KernelSettings, read_settings
from tests.support.reference.settings import known_variables

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
PARTS = sorted(set(SERVICES) - {"service", "ingest"})
PROGRAMS: dict[str, type[KernelSettings]] = {"service": service.settings.Settings, "ingest": ingest.settings.Settings}


def stage(name: str) -> str:
    """Return a stage of the Dockerfile with the stages that it is built on."""
    base, text = re.search(rf"^FROM (\S+) AS {name}$(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL).groups()
    return text if ":" in base else stage(base) + text


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", ".env.example"])
def test_every_variable_is_a_setting(name):
    known = known_variables()
    named = set(re.findall(r"RAG_[A-Z0-9_]+", (ROOT / name).read_text()))
    assert len(named) > 3
    assert named <= known


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_accepts_the_settings_of_image_and_compose(program, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # A developer's .env must not take part.
    for name, value in re.findall(r"(RAG_\w+)=(\S+)", stage(program)):
        monkeypatch.setenv(name, value)
    for name, value in SERVICES[program]["environment"].items():
        monkeypatch.setenv(name, value)
    read = read_settings(PROGRAMS[program])
    assert (read.store.kind, read.inbox.kind) == ("server", "redis")
    host, port = re.match(r"\w+://(\w+):(\d+)", str(read.store.url)).groups()
    assert host in SERVICES
    # The health check must use the port that the program listens on.
    assert f"/127.0.0.1/{port} " in str(SERVICES[host]["healthcheck"]["test"])
    assert re.match(r"redis://(\w+):6379/", str(read.inbox.url))[1] in SERVICES


@pytest.mark.parametrize(
    ("target", "port", "address"),
    [("service", "port", "host"), ("all", "port", "host"), ("ingest", "worker_port", "worker_host")],
)
def test_an_image_exposes_its_port_and_checks_its_health_there(target, port, address):
    program = PROGRAMS["service" if target == "all" else target]
    number = program.model_fields[port].default
    assert f"EXPOSE {number}\n" in stage(target)
    assert f"http://127.0.0.1:{number}/livez'" in stage(target)
    assert f"RAG_{address.upper()}=0.0.0.0" in stage(target)


def test_every_copied_path_exists_and_is_not_ignored_by_docker():
    allowed = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert [name for name in allowed if not (ROOT / name).exists()] == []
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for path in " ".join(copied).replace("${TORCH}", "cuda").split():
        assert (ROOT / path).exists(), path
        assert any(path == name or path.startswith(f"{name}/") for name in allowed), path


def test_every_mount_of_compose_exists():
    mounted = re.findall(r"^ +- (\./[^:]+):", (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    assert len(mounted) > 4
    assert [path for path in mounted if not (ROOT / path).exists()] == []
    targets = {name: [it.split(":") for it in SERVICES[name]["volumes"]] for name in SERVICES}
    named = {it[0] for mounts in targets.values() for it in mounts if not it[0].startswith(".")}
    assert named == set(COMPOSE["volumes"])


def test_grafana_has_its_dashboards_and_its_prometheus():
    grafana = ROOT / "dashboards" / "grafana"
    mounts = dict(it.split(":")[:2] for it in SERVICES["grafana"]["volumes"])
    [provider] = yaml.safe_load((grafana / "provisioning/dashboards/groundwork.yml").read_text())["providers"]
    assert mounts["./dashboards/grafana"] == provider["options"]["path"]
    [source] = yaml.safe_load((grafana / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"].strip("${}") in SERVICES["grafana"]["environment"]


def test_the_two_prometheus_configurations_differ_only_in_their_targets():
    def without_targets(name: str) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((ROOT / "dashboards" / name).read_text())
        del config["alerting"]["alertmanagers"][0]["static_configs"]
        for job in config["scrape_configs"]:
            job.pop("static_configs", None)
            job.pop("dns_sd_configs", None)
        return config

    assert without_targets("prometheus.compose.yml") == without_targets("prometheus.yml")
    config = yaml.safe_load((ROOT / "dashboards" / "prometheus.compose.yml").read_text())
    found = {(*it["names"], it["port"]) for job in config["scrape_configs"] for it in job["dns_sd_configs"]}
    ports = {
        (name, int(SERVICES[name]["environment"][variable]))
        for name, variable in (("service", "RAG_PORT"), ("ingest", "RAG_WORKER_PORT"))
    }
    assert found == ports


def test_the_two_alertmanager_configurations_differ_only_in_their_receivers():
    local, compose = (
        (ROOT / "dashboards" / name).read_text() for name in ("alertmanager.yml", "alertmanager.compose.yml")
    )
    # In the container 127.0.0.1 would be Alertmanager itself.
    expected = local.replace("//127.0.0.1:", "//host.docker.internal:")
    assert yaml.safe_load(compose) == yaml.safe_load(expected) != yaml.safe_load(local)
    assert "host.docker.internal:host-gateway" in SERVICES["alertmanager"]["extra_hosts"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_a_memory_limit_and_restarts(name):
    assert SERVICES[name]["deploy"]["resources"]["limits"]["memory"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", PARTS)
def test_every_third_party_image_is_pinned_to_a_version(name):
    assert re.search(r":v?(version-)?\d+\.\d+", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_dependency_has_a_health_check(name):
    for part, wait in SERVICES[name].get("depends_on", {}).items():
        assert wait["condition"] == "service_healthy"
        assert "healthcheck" in SERVICES[part]


def test_all_ports_are_bound_to_loopback():
    ports = [port for it in SERVICES.values() for port in it.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_stop_grace_period_covers_draining():
    graces = {name: int(SERVICES[name]["stop_grace_period"].removesuffix("s")) for name in PROGRAMS}
    defaults = service.settings.Settings.model_fields
    assert graces["service"] > defaults["drain_delay_seconds"].default + defaults["drain_seconds"].default
    assert graces["ingest"] > ingest.settings.Settings.model_fields["worker_drain_seconds"].default


def test_compose_runs_the_tested_version_of_phoenix():
    version = re.search(r"arize-phoenix==(\S+)", (ROOT / "Makefile").read_text())[1]
    assert f"version-{version}-" in SERVICES["phoenix"]["image"]
