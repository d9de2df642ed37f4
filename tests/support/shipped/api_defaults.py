"""The defaults that an API server adds to the objects of the manifests, where Argo CD would see a difference."""

from typing import Any

# By kind, the path of each list or object with defaults, and the defaults that the API server adds to its items.
# Sources: the CRDs of Gateway API 1.3 and External Secrets 2, and PersistentVolumeClaim in Kubernetes 1.34.
DEFAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "HTTPRoute": {
        "spec.parentRefs[]": {"group": "gateway.networking.k8s.io", "kind": "Gateway"},
        "spec.rules[].backendRefs[]": {"group": "", "kind": "Service", "weight": 1},
        "spec.rules[].matches[].path": {"type": "PathPrefix", "value": "/"},
    },
    "ExternalSecret": {
        "spec": {"refreshInterval": "1h0m0s"},
        "spec.target": {"creationPolicy": "Owner", "deletionPolicy": "Retain"},
        "spec.data[].remoteRef": {
            "conversionStrategy": "Default",
            "decodingStrategy": "None",
            "metadataPolicy": "None",
        },
    },
    "StatefulSet": {
        "spec.volumeClaimTemplates[]": {"apiVersion": "v1", "kind": "PersistentVolumeClaim"},
        "spec.volumeClaimTemplates[].spec": {"volumeMode": "Filesystem"},
    },
}


def objects_at(value: Any, path: str) -> list[dict[str, Any]]:
    """Return the objects at a path such as `spec.rules[].matches[].path`."""
    found = [value]
    for part in path.split("."):
        name = part.removesuffix("[]")
        found = [it[name] for it in found if name in it]
        found = [item for it in found for item in it] if part.endswith("[]") else found
    return found
