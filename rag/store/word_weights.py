"""Facts about a collection that a search by words needs: its languages, and its large tenants (ADR 62)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAX_LANGUAGES = 100
MAX_LARGE_TENANTS = 100
"""Tenants to ask for, largest first. A hundred tenants above the limit have ten million chunks, more than a shard."""
# Counting the words of a tenant alone takes 1.4 ms of a search for each 100,000 chunks.
_LARGE_CHUNKS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WordStatistics:
    """Statistics of a collection that change slowly."""

    languages: frozenset[str] = frozenset()
    large_tenants: frozenset[str] = frozenset()

    def weighs_alone(self, tenant: str) -> bool:
        """Return whether the weight of a word comes from the tenant's own chunks.

        A large tenant dominates the counts of its collection anyway, so the collection's own are good enough.
        """
        return tenant not in self.large_tenants


def to_statistics(languages: Iterable[Any], tenants: Iterable[Any]) -> WordStatistics:
    """Return the statistics from facet hits of live chunks."""
    return WordStatistics(
        languages=frozenset(str(hit.value) for hit in languages),
        large_tenants=frozenset(str(hit.value) for hit in tenants if hit.count > _LARGE_CHUNKS),
    )
