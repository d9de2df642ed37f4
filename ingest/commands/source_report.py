"""The part of the summary of `run` and `enqueue` about their sources: passed-over files and warnings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.sources.notes import CountedNames, SourceNotes, SourceWarning

# Enough to see what is meant; `--verbose` and `--json` show more.
_NAMES_SHOWN = 3


@dataclass(slots=True)
class SourceReport:
    """The notes of all sources of one run."""

    warnings: list[tuple[str, SourceWarning]] = field(default_factory=list)
    """Each warning with the name of its source."""
    passed_over: dict[str, CountedNames] = field(default_factory=dict)
    """The files and pages that are not documents, by kind."""

    def add(self, name: str, notes: SourceNotes) -> None:
        self.warnings += [(name, warning) for warning in notes.warnings]
        for kind, passed_over in notes.passed_over.items():
            self.passed_over.setdefault(kind, CountedNames()).extend(passed_over)

    def to_fields(self, *, verbose: bool) -> dict[str, Any]:
        """Return the fields of `--json`; the names of passed-over files only if they were asked for."""
        warnings = [
            {
                "source": name,
                "code": warning.code,
                "message": warning.message,
                "count": warning.affected.count,
                "names": warning.affected.names,
            }
            for name, warning in self.warnings
        ]
        fields = {
            "source_warnings": warnings,
            "passed_over": sum(named.count for named in self.passed_over.values()),
            "passed_over_kinds": {kind: named.count for kind, named in _most_first(self.passed_over)},
        }
        names = {kind: named.names for kind, named in _most_first(self.passed_over)}
        return fields | ({"passed_over_names": names} if verbose else {})

    def warning_lines(self, *, verbose: bool) -> list[str]:
        return [
            f"  warning {name}: {warning.message} ({_to_text(warning.affected, verbose=verbose)})"
            for name, warning in self.warnings
        ]

    def passed_over_lines(self, *, verbose: bool) -> list[str]:
        if not self.passed_over:
            return []
        kinds = _most_first(self.passed_over)
        lines = ["passed over: " + ", ".join(f"{named.count:,} {kind}" for kind, named in kinds)]
        for kind, named in kinds if verbose else ():
            lines += [f"  {kind}: {name}" for name in named.names]
            if named.count > len(named.names):
                lines.append(f"  {kind}: … and {named.count - len(named.names):,} more")
        return lines


def _most_first(passed_over: Mapping[str, CountedNames]) -> Sequence[tuple[str, CountedNames]]:
    return sorted(passed_over.items(), key=lambda item: (-item[1].count, item[0]))


def _to_text(affected: CountedNames, *, verbose: bool) -> str:
    shown = affected.names if verbose else affected.names[:_NAMES_SHOWN]
    rest = affected.count - len(shown)
    return f"{affected.count:,}: {', '.join(shown)}" + (f" and {rest:,} more" if rest else "")
