"""The Kubernetes manifests match the programs: settings, ports, paths, metrics, memory and timeouts."""

import os
import re
import subprocess

import pytest
import yaml

import ingest.settings
import ingest.worker.session
import service.settings
from ingest.commands.parser import build_parser as build_ingest_parser
from rag.settings import KernelSettings, RedisInboxSettings, read_settings
from service.http.routes import operations
from tests.support.reference.settings import known_variables
from tests.support.servers.prometheus_server import PROMTOOL, needs_promtool
from tests.support.shipped.expressions import Expression, emitted, labels_of
from tests.support.shipped.manifests import (
    K8S,
    KUBECTL,
    OVERLAYS,
    ROOT,
    mebibytes,
    named,
    needs_kubectl,
    overlay,
    queries,
    selected,
    settings,
    workloads,
)

pytestmark = needs_kubectl

GUIDE = ROOT / "docs" / "deploy" / "kubernetes.md"
_PROGRAMS = {"groundwork-service": service.settings.Settings, "groundwork-worker": ingest.settings.Settings}
# Tokens per second of the slowest model that the drain time must cover.
_MIN_TOKENS_PER_SECOND = 5
_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "projected", "secret", "csi", "persistentVolumeClaim", "ephemeral"}
_HOST_FIELDS = {"hostNetwork", "hostPID", "hostIPC"}
# Pods of other namespaces and of Helm charts, which selectors may name although no overlay contains them.
_EXTERNAL_PODS = {"prometheus", "kube-dns", "keda-operator", "qdrant"}
_RENDERED = OVERLAYS if KUBECTL else []
_PODS = [pytest.param(it, id=f"{name}: {it}") for name in _RENDERED for it in workloads(overlay(name))]

every_overlay = pytest.mark.parametrize("name", OVERLAYS)
# The overlays that need operators for autoscaling, rollouts and monitoring.
in_a_cluster = pytest.mark.parametrize("name", [it for it in OVERLAYS if it != "dev"])
every_pod = pytest.mark.parametrize("workload", _PODS)


def known() -> set[str]:
    return set(known_variables())


def worded(pattern: str, text: str) -> list[str]:
    matches = re.findall(pattern, text)
    assert matches, f"The text no longer contains {pattern}."
    return matches


def test_every_variable_in_the_manifests_is_a_setting():
    texts = {path: path.read_text() for path in K8S.rglob("*") if path.is_file()}
    variables = {(name, path.name) for path, text in texts.items() for name in re.findall(r"RAG_[A-Z0-9_]+", text)}
    assert len(variables) > 15
    assert {(name, file) for name, file in variables if name not in known()} == set()


@every_overlay
@pytest.mark.parametrize("program", _PROGRAMS)
def test_a_program_accepts_its_settings_and_secrets(name, program, monkeypatch):
    external = named(overlay(name), "ExternalSecret")
    for secret in [
        it
        for name in ("groundwork-credentials", "groundwork-generator")
        if name in external
        for it in external[name]["spec"]["data"]
    ]:
        monkeypatch.setenv(secret["secretKey"], "secret")
    for variable, value in settings(overlay(name)).items():
        monkeypatch.setenv(variable, value)
    assert read_settings(_PROGRAMS[program]).store.kind == "server"


def test_every_component_is_used_by_an_overlay():
    written = "".join(path.read_text() for path in K8S.rglob("kustomization.yaml"))
    assert {path.name for path in (K8S / "components").iterdir() if f"/{path.name}" not in written} == set()


@every_overlay
def test_the_programs_listen_on_the_ports_that_the_manifests_name(name):
    values = settings(overlay(name))
    ports = {it.name: it.ports for it in workloads(overlay(name))}
    assert ports["groundwork-service"] == {"http": int(values["RAG_PORT"])}
    assert ports["groundwork-worker"] == {"metrics": int(values["RAG_WORKER_PORT"])}
    assert values["RAG_HOST"] == values["RAG_WORKER_HOST"] == "0.0.0.0"


@every_pod
def test_every_probe_uses_a_port_of_its_pod_and_a_path_of_its_program(workload):
    probes = [it[kind] for it in workload.containers for kind in _probes(it)]
    paths = {
        "groundwork-service": {getattr(route, "path", "") for route in operations.router.routes},
        "groundwork-worker": set(worded(r'add_get\("([^"]+)"', (ROOT / "ingest" / "worker" / "probes.py").read_text())),
    }
    for probe in probes:
        for check in ("httpGet", "tcpSocket"):
            assert "host" not in probe.get(check, {})
            assert probe.get(check, {}).get("port", next(iter(workload.ports))) in workload.ports
        if workload.name in paths:
            assert probe["httpGet"]["path"] in paths[workload.name]


def _probes(container):
    return [kind for kind in ("startupProbe", "readinessProbe", "livenessProbe") if kind in container]


@every_pod
def test_every_server_has_three_probes_and_its_liveness_probe_checks_no_dependency(workload):
    if workload.kind not in {"Deployment", "StatefulSet"}:
        return
    for container in workload.pod["containers"]:
        assert len(_probes(container)) == 3
        assert container["livenessProbe"].get("httpGet", {}).get("path") not in {"/readyz"}


@every_overlay
def test_every_selector_matches_a_pod_and_every_target_port_exists(name):
    objects = overlay(name)
    pods = list(workloads(objects))
    for it in named(objects, "Service").values():
        selector = {"matchLabels": it["spec"]["selector"]}
        matching = [pod for pod in pods if selected(selector, pod.labels)]
        if not matching and _is_external(selector):  # Such as the pods of Qdrant's chart.
            continue
        assert matching, it["metadata"]["name"]
        assert {port["targetPort"] for port in it["spec"]["ports"]} <= set(matching[0].ports)
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for it in named(objects, kind).values():
            selector = it["spec"].get("selector", it["spec"].get("podSelector"))
            assert any(selected(selector, pod.labels) for pod in pods) or _is_external(selector), it["metadata"]["name"]


@every_overlay
def test_no_disruption_budget_selects_a_pod_of_a_job(name):
    """A Job has no scale, so the budget would allow no disruption and no node could be drained."""
    objects = overlay(name)
    jobs = [pod for pod in workloads(objects) if pod.kind not in {"Deployment", "StatefulSet"}]
    for it in named(objects, "PodDisruptionBudget").values():
        assert [str(pod) for pod in jobs if selected(it["spec"]["selector"], pod.labels)] == []


def _is_external(selector) -> bool:
    return set(selector.get("matchLabels", {}).values()) & _EXTERNAL_PODS != set()


@every_overlay
def test_all_traffic_is_denied_except_named_connections(name):
    policies = named(overlay(name), "NetworkPolicy")
    deny_all = policies.pop("default-deny")["spec"]
    assert deny_all == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in policies.values():
        rules = [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]
        assert rules
        for rule in rules:
            assert rule["ports"], policy["metadata"]["name"]
            assert rule.get("from") or rule.get("to"), policy["metadata"]["name"]


@every_overlay
@pytest.mark.parametrize("program", _PROGRAMS)
def test_network_policies_allow_each_program_to_reach_the_servers_of_its_settings(name, program, monkeypatch):
    objects = overlay(name)
    for variable, value in settings(objects).items():
        monkeypatch.setenv(variable, value)
    caller = {"app.kubernetes.io/name": program}
    for host, port in _servers(read_settings(_PROGRAMS[program])):
        service = named(objects, "Service").get(host)
        target = service["spec"]["selector"] if service else {"app.kubernetes.io/name": host}
        assert _allowed(objects, "egress", caller, target, port), f"{program} may not call {host}:{port}"
        assert _allowed(objects, "ingress", target, caller, port), f"{host} does not accept {program}"


def _servers(values: KernelSettings) -> set[tuple[str, int]]:
    """Return host and port of every server in this namespace that a program calls."""
    urls = [values.store.url, values.inbox.url, getattr(values.embedder, "url", None)]
    urls += [getattr(getattr(values, "generator", None), "url", None)]
    inside = {(url.host, url.port) for url in urls if url is not None and "." not in url.host}
    return inside | {(values.store.url.host, values.store.grpc_port)}


def _allowed(objects, direction, pod, peer, port) -> bool:
    rules = [
        rule
        for policy in named(objects, "NetworkPolicy").values()
        if selected(policy["spec"]["podSelector"], pod)
        for rule in policy["spec"].get(direction, [])
    ]
    side = "to" if direction == "egress" else "from"
    return any(
        port in {it["port"] for it in rule["ports"]}
        and any(selected(it["podSelector"], peer) for it in rule[side] if set(it) == {"podSelector"})
        for rule in rules
    )


@every_pod
def test_every_pod_meets_the_restricted_standard_and_has_a_read_only_root(workload):
    pod = workload.pod
    assert _HOST_FIELDS & set(pod) == set()
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for volume in pod.get("volumes", []):
        assert set(volume) - {"name"} <= _VOLUMES
    for container in workload.containers:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        assert not security.get("privileged")
        assert not [port for port in container.get("ports", []) if "hostPort" in port]
    assert pod["automountServiceAccountToken"] is False
    if workload.name in _PROGRAMS:
        assert context["runAsUser"] == 10001


@every_overlay
def test_the_namespace_enforces_the_restricted_standard_and_no_account_has_a_token(name):
    (namespace,) = named(overlay(name), "Namespace").values()
    labels = namespace["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    accounts = named(overlay(name), "ServiceAccount")
    assert {it for it, account in accounts.items() if account.get("automountServiceAccountToken") is not False} == set()
    assert {it.pod["serviceAccountName"] for it in workloads(overlay(name))} <= set(accounts)


@every_pod
def test_every_container_has_requests_and_limits(workload):
    for container in workload.containers:
        resources = container["resources"]
        assert set(resources["requests"]) >= {"cpu", "memory"}
        assert set(resources["limits"]) >= {"cpu", "memory"}
        assert mebibytes(resources["requests"]["memory"]) <= mebibytes(resources["limits"]["memory"])


@every_overlay
def test_a_pod_may_run_longer_than_its_longest_stream(name, monkeypatch):
    objects = overlay(name)
    for variable, value in settings(objects).items():
        monkeypatch.setenv(variable, value)
    values = read_settings(service.settings.Settings)
    (pod,) = [it for it in workloads(objects) if it.name == "groundwork-service"]
    (container,) = pod.pod["containers"]
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"] + getattr(values, "drain_delay_seconds", 0)
    longest_stream = values.http.read + values.answering.max_tokens / _MIN_TOKENS_PER_SECOND
    assert values.drain_seconds >= longest_stream
    assert pod.pod["terminationGracePeriodSeconds"] > waits + values.drain_seconds


@every_overlay
def test_a_worker_has_enough_time_to_return_its_entries(name):
    (pod,) = [it for it in workloads(overlay(name)) if it.name == "groundwork-worker"]
    given_back = ingest.settings.Settings().worker_drain_seconds + ingest.worker.session.ACKNOWLEDGE_SECONDS
    assert pod.pod["terminationGracePeriodSeconds"] > given_back


@every_pod
def test_images_of_one_platform_run_on_nodes_of_that_platform(workload):
    """Qdrant and Redis have images for every platform. An autoscaler may choose cheaper arm64 nodes for the others."""
    built_once = ("groundwork-", "text-embeddings-inference", "vllm-openai")
    if any(name in it["image"] for it in workload.containers for name in built_once):
        assert workload.pod["nodeSelector"] == {"kubernetes.io/arch": "amd64"}


@in_a_cluster
def test_only_the_service_calls_the_embedder_of_the_questions(name):
    """Batches of workers and Jobs would delay questions, and the health check of the embedder, for seconds."""
    common = settings(overlay(name))["RAG_EMBEDDER__URL"]
    own = {
        it.name: variable["value"]
        for it in workloads(overlay(name))
        for container in it.containers
        for variable in container.get("env", [])
        if variable["name"] == "RAG_EMBEDDER__URL"
    }
    assert (common, own) == ("http://tei-ingest:8080/v1", {"groundwork-service": "http://tei:8080/v1"})


@every_pod
def test_every_image_has_a_version_other_than_latest(workload):
    for container in workload.containers:
        _, separator, version = container["image"].rpartition("/")[2].partition(":")
        assert separator or "@sha256:" in container["image"]
        assert version != "latest"


@in_a_cluster
def test_queries_of_autoscaling_and_analysis_read_only_existing_series(name):
    expressions = [Expression(place=reader, text=query) for reader, query in queries(overlay(name))]
    places = {it.place for it in expressions}
    assert places == {"groundwork-service", "error-ratio", "first-token-p95", "groundedness"}
    # The operator adds the first three labels, and `podTargetLabels` adds the last one.
    target_labels = {"job", "instance", "namespace", "rollouts_pod_template_hash"}
    for it in expressions:
        assert it.metrics, it.place
        assert it.metrics <= emitted()
        assert it.labels <= target_labels.union(*map(labels_of, it.metrics))


@in_a_cluster
@needs_promtool
def test_queries_of_autoscaling_and_analysis_are_valid_promql(name, tmp_path):
    rules = [{"record": f"query:{number}", "expr": query} for number, (_, query) in enumerate(queries(overlay(name)))]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@in_a_cluster
def test_autoscaling_reads_its_own_namespace_and_treats_missing_metrics_as_an_error(name):
    objects = overlay(name)
    (namespace,) = named(objects, "Namespace")
    scaled = named(objects, "ScaledObject")
    (service_trigger,) = scaled["groundwork-service"]["spec"]["triggers"]
    assert f'namespace="{namespace}"' in service_trigger["metadata"]["query"]
    assert service_trigger["metadata"]["ignoreNullValues"] == "false"
    (worker_trigger,) = scaled["groundwork-worker"]["spec"]["triggers"]
    inbox = RedisInboxSettings(kind="redis", url=settings(objects)["RAG_INBOX__URL"])
    assert worker_trigger["metadata"]["address"] == f"{inbox.url.host}.{namespace}.svc:{inbox.url.port}"
    assert worker_trigger["metadata"]["stream"] == f"{{{inbox.prefix}}}:inbox"
    assert f"'{worker_trigger['metadata']['consumerGroup']}'" in (ROOT / "rag/inbox/redis/queue.lua").read_text()
    for it in scaled.values():
        target = it["spec"]["scaleTargetRef"]
        assert target["name"] in named(objects, target["kind"])


@in_a_cluster
def test_each_program_is_scraped_once_under_the_job_name_of_the_rules(name):
    objects = overlay(name)
    for job, monitor in named(objects, "ServiceMonitor").items():
        services = [
            it
            for it in named(objects, "Service").values()
            if selected(monitor["spec"]["selector"], it["metadata"]["labels"])
        ]
        assert [it["metadata"]["labels"][monitor["spec"]["jobLabel"]] for it in services] == [job]
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in services[0]["spec"]["ports"]}


@in_a_cluster
def test_the_gateway_does_not_cut_streams_and_does_not_expose_metrics(name):
    (route,) = named(overlay(name), "HTTPRoute").values()
    for rule in route["spec"]["rules"]:
        assert int(rule["timeouts"]["request"].removesuffix("s")) > int(settings(overlay(name))["RAG_DRAIN_SECONDS"])
        public = {(match["path"]["type"], match["path"]["value"]) for match in rule["matches"]}
        assert public == {("PathPrefix", "/v1"), ("PathPrefix", "/page"), ("Exact", "/")}


def test_qdrants_chart_meets_the_restricted_standard_and_keeps_a_copy_on_every_node():
    values = yaml.safe_load((K8S / "components" / "qdrant-cluster" / "values.yaml").read_text())
    context = values["containerSecurityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert values["podSecurityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert values["image"]["useUnprivilegedImage"] is True
    assert values["updateVolumeFsOwnership"] is False
    collection = values["config"]["storage"]["collection"]
    assert values["replicaCount"] >= 3
    assert (collection["replication_factor"], collection["write_consistency_factor"]) == (values["replicaCount"], 2)
    assert collection["shard_number"] == 1, "Word weights depend on the shard (docs/adr/0062-word-weights.md)"
    # The chart reads the Secret during rendering, when it does not exist.
    assert "apiKey" not in values
    keys = {it["name"]: it["valueFrom"]["secretKeyRef"]["key"] for it in values["env"] if "valueFrom" in it}
    offered = {it["secretKey"] for it in named(overlay("prod"), "ExternalSecret")["groundwork-servers"]["spec"]["data"]}
    assert {keys["QDRANT__SERVICE__API_KEY"], keys["QDRANT__SERVICE__ALT_API_KEY"]} <= offered


@in_a_cluster
def test_backup_and_drill_run_todays_commands_on_one_volume_that_no_sync_deletes(name):
    objects = overlay(name)
    jobs = named(objects, "CronJob")
    for job, wanted in (
        ("groundwork-backup", ["backup", "/backups", "--keep"]),
        ("groundwork-restore-drill", ["restore", "/backups", "--latest", "--check"]),
    ):
        pod = jobs[job]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        _, *command = pod["containers"][0]["command"]
        assert command[:2] == ["-m", "ingest"]
        assert command[2:5] == wanted[:3]
        build_ingest_parser().parse_args(command[2:])
        assert {"name": "backups", "persistentVolumeClaim": {"claimName": "groundwork-backups"}} in pod["volumes"]
    claim = named(objects, "PersistentVolumeClaim")["groundwork-backups"]
    assert claim["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"


def test_the_kubernetes_guide_names_existing_files_objects_and_commands():
    page = GUIDE.read_text()
    for path in re.findall(r"`((?:components|argocd|overlays|base)/[\w./-]*)`", page):
        assert (K8S / path).exists(), path
    objects = [it for name in _RENDERED for it in overlay(name)]
    for kind, prefix in (("CronJob", "cronjob/"), ("Deployment", "deployment/")):
        mentioned = set(re.findall(rf"{prefix}([\w-]+)", page))
        assert mentioned
        assert mentioned <= {it["metadata"]["name"] for it in objects if it["kind"] == kind}
    assert set(re.findall(r"`make ([\w-]+)", page)) <= set(worded(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text()))


def test_the_list_of_components_is_complete():
    page = (K8S / "README.md").read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (K8S / link).exists(), link
    listed = dict(re.findall(r"(?m)^\| `([\w-]+)` \|[^|]*\|(.*)\|$", page))
    assert set(listed) == {path.name for path in (K8S / "components").iterdir()}
    for environment, column in (("dev", 0), ("staging", 1), ("prod", 2)):
        kustomization = (K8S / "overlays" / environment / "kustomization.yaml").read_text()
        platform = K8S / "overlays" / environment / "platform" / "kustomization.yaml"
        kustomization += platform.read_text() if platform.exists() else ""
        marked = {name for name, cells in listed.items() if cells.split("|")[column].strip()} - {"analysis"}
        assert marked == set(re.findall(r"\.\./components/([\w-]+)", kustomization))


@pytest.mark.parametrize("patch", worded(r"(?s)```yaml\n(.*?)```", GUIDE.read_text()))
@pytest.mark.slow
def test_every_patch_of_the_kubernetes_guide_applies(patch, tmp_path):
    base = {"resources": [os.path.relpath(K8S / "overlays" / "prod", tmp_path)]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(base | yaml.safe_load(patch)))
    done = subprocess.run([str(KUBECTL), "kustomize", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert tuple(yaml.safe_load_all(done.stdout)) != overlay("prod")
