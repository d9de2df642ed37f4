"""Applies an overlay again and again as Argo CD does, while the other controllers change their fields."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.drills.argo_cd.api import Api, Object
from tests.support.shipped.manifests import K8S, named, overlay

_CLIENT_SIDE = "argocd.argoproj.io/sync-options"
_HASH = "rollouts-pod-template-hash"
_REPLICAS = 7
_WEIGHTS = (90, 10)
# What the API server, or kubectl, writes by itself.
_OWN_METADATA = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The numbers of one overlay."""

    objects: int
    lost: tuple[str, ...]
    """Fields of other controllers that Argo CD took over."""
    differing: tuple[str, ...]
    """Objects for which Argo CD would report a difference to Git."""


def to_objects(name: str, namespace: str) -> list[Object]:
    """Return the objects of an overlay, moved to a namespace of the drill."""
    objects = json.loads(json.dumps(overlay(name)))
    for it in objects:
        if it["kind"] == "Namespace":
            it["metadata"]["name"] = namespace
        else:
            it["metadata"]["namespace"] = namespace
    # A namespace must exist before its objects.
    return sorted(objects, key=lambda it: it["kind"] != "Namespace")


def ignored_by(name: str) -> list[Object]:
    """Return the fields that the application of the release ignores."""
    applications = yaml.safe_load_all((K8S / "argocd" / f"{name}.yaml").read_text())
    (application,) = [it for it in applications if it["metadata"]["name"] == f"groundwork-{name}"]
    rules: list[Object] = application["spec"]["ignoreDifferences"]
    return rules


def apply_again(api: Api, objects: list[Object], ignored: list[Object]) -> Applied:
    """Apply, let the controllers work, apply again, and compare."""
    _apply(api, objects)
    changes = list(_changes_of_controllers(tuple(objects)))
    for target, change, manager in changes:
        api.patch(target, change, manager=manager)
    wanted = _with_ignored_fields(api, objects, ignored)
    _apply(api, wanted)
    lost = [
        f"{target['kind']} {target['metadata']['name']}: {manager}"
        for target, change, manager in changes
        if not _contains(api.get([target])[0], change)
    ]
    live = _comparable(api.get(wanted))
    compared: dict[tuple[str, str], Object] = {}
    for server_side, group in _by_way(wanted):
        compared |= _comparable(api.apply(group, server_side=server_side, dry_run=True))
    differing = [f"{kind} {name}" for (kind, name), it in compared.items() if it != live[kind, name]]
    return Applied(objects=len(compared), lost=tuple(lost), differing=tuple(differing))


def _apply(api: Api, objects: list[Object]) -> None:
    for server_side, group in _by_way(objects):
        api.apply(group, server_side=server_side)


def _by_way(objects: list[Object]) -> Iterator[tuple[bool, list[Object]]]:
    """Yield the objects that Argo CD applies server-side, and the others."""
    for server_side in (True, False):
        yield server_side, [it for it in objects if _is_server_side(it) == server_side]


def _is_server_side(it: Object) -> bool:
    return bool(it["metadata"].get("annotations", {}).get(_CLIENT_SIDE) != "ServerSideApply=false")


def _changes_of_controllers(objects: tuple[Object, ...]) -> Iterator[tuple[Object, Object, str]]:
    """Yield object, change and controller, as the guide's table of owners says."""
    for rollout in named(objects, "Rollout").values():
        (strategy,) = rollout["spec"]["strategy"].values()
        for key in sorted(it for it in strategy if it.endswith("Service")):
            service = named(objects, "Service")[strategy[key]]
            yield service, {"spec": {"selector": {_HASH: "6b9c4d"}}}, "rollouts-controller"
        yield rollout, {"spec": {"replicas": _REPLICAS}}, "keda-operator"
    yield named(objects, "Deployment")["groundwork-worker"], {"spec": {"replicas": _REPLICAS}}, "keda-operator"
    for route in named(objects, "HTTPRoute").values():
        rules = copy.deepcopy(route["spec"]["rules"])
        if len(rules[0]["backendRefs"]) == len(_WEIGHTS):
            for reference, weight in zip(rules[0]["backendRefs"], _WEIGHTS, strict=True):
                reference["weight"] = weight
            yield route, {"spec": {"rules": rules}}, "rollouts-controller"


def _with_ignored_fields(api: Api, objects: list[Object], ignored: list[Object]) -> list[Object]:
    """Return the objects with the live values of all ignored fields, as `RespectIgnoreDifferences` applies them."""
    wanted = copy.deepcopy(objects)
    for rule in ignored:
        for it in wanted:
            if it["kind"] != rule["kind"] or rule.get("name", it["metadata"]["name"]) != it["metadata"]["name"]:
                continue
            (live,) = api.get([it])
            for pointer in rule.get("jsonPointers", ()):
                _copy_field(live, it, pointer.strip("/").split("/"))
            if ".spec.rules[].backendRefs[].weight" in rule.get("jqPathExpressions", ()):
                for rule_wanted, rule_live in zip(it["spec"]["rules"], live["spec"]["rules"], strict=True):
                    for mine, theirs in zip(rule_wanted["backendRefs"], rule_live["backendRefs"], strict=True):
                        mine["weight"] = theirs["weight"]
    return wanted


def _copy_field(source: Any, target: Any, path: list[str]) -> None:
    for name in path[:-1]:
        source, target = source.get(name, {}), target.setdefault(name, {})
    if path[-1] in source:
        target[path[-1]] = source[path[-1]]


def _contains(live: Any, change: Any) -> bool:
    """Return whether the live object still has what a controller has written."""
    if isinstance(change, dict):
        return isinstance(live, dict) and all(_contains(live.get(name), it) for name, it in change.items())
    if isinstance(change, list):
        return isinstance(live, list) and len(live) == len(change) and all(map(_contains, live, change))
    return bool(live == change)


def _comparable(objects: list[Object]) -> dict[tuple[str, str], Object]:
    """Return the objects by kind and name, without what the API server and kubectl write by themselves."""
    found = {}
    for it in copy.deepcopy(objects):
        it.pop("status", None)
        for name in _OWN_METADATA:
            it["metadata"].pop(name, None)
        it["metadata"].get("annotations", {}).pop(_LAST_APPLIED, None)
        found[it["kind"], it["metadata"]["name"]] = it
    return found
