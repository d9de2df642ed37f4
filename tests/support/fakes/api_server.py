"""A stand-in for Kubernetes' API server: what applying and patching do to one object after another.

It knows what Argo CD meets: a server-side apply replaces an atomic field as a whole, a client-side apply keeps the keys
of other owners, and defaults are added.
"""

import copy
from typing import Any

from tests.support.shipped.api_defaults import DEFAULTS, objects_at

Object = dict[str, Any]

# Maps that a server-side apply replaces as a whole. Lists are replaced as a whole everywhere here.
_ATOMIC = {"Service": {("spec", "selector")}}


class StandInApi:
    """Keeps objects by kind and name."""

    parts = "the stand-in"

    def __init__(self) -> None:
        self._live: dict[tuple[str, str], Object] = {}
        self._applied: dict[tuple[str, str], Object] = {}

    def apply(self, objects: list[Object], *, server_side: bool, dry_run: bool = False) -> list[Object]:
        """Return the objects as they are, or would be, afterwards."""
        results = []
        for it in objects:
            key = it["kind"], it["metadata"]["name"]
            atomic = _ATOMIC.get(it["kind"], set()) if server_side else set()
            result = _merge(self._live.get(key, {}), self._applied.get(key, {}), it, atomic, ())
            for path, defaults in DEFAULTS.get(it["kind"], {}).items():
                for value in objects_at(result, path):
                    value.update({name: default for name, default in defaults.items() if name not in value})
            results.append(result)
            if not dry_run:
                self._live[key], self._applied[key] = result, copy.deepcopy(it)
        return results

    def get(self, objects: list[Object]) -> list[Object]:
        return [copy.deepcopy(self._live[it["kind"], it["metadata"]["name"]]) for it in objects]

    def patch(self, target: Object, change: Object, *, manager: str) -> None:  # noqa: ARG002 - no field has an owner here
        """Change fields as a controller does."""
        key = target["kind"], target["metadata"]["name"]
        self._live[key] = _merge(self._live[key], {}, change, set(), ())

    def clean_up(self) -> None:
        self._live.clear()


def _merge(live: Any, before: Any, wanted: Any, atomic: set[tuple[str, ...]], path: tuple[str, ...]) -> Any:
    """Return the live value with what is wanted, and without what was wanted before and is not any more."""
    if not (isinstance(live, dict) and isinstance(wanted, dict)) or path in atomic:
        return copy.deepcopy(wanted)
    before = before if isinstance(before, dict) else {}
    merged = {name: value for name, value in live.items() if name in wanted or name not in before}
    for name, value in wanted.items():
        merged[name] = _merge(live.get(name), before.get(name), value, atomic, (*path, name))
    return merged
