"""Every setting of both programs, read off the code."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ingest.settings import Settings as IngestSettings
from service.settings import Settings as ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One variable, for one of the kinds that it may belong to."""

    variable: str
    default: str
    description: str
    kind: str = ""

    def __str__(self) -> str:
        kind = f" (with kind {self.kind})" if self.kind else ""
        return f"| `{self.variable}` | {self.default} | {self.description}{kind} |"


def table() -> str:
    """The README's table; `python -m tests.support.settings` prints it."""
    rows = dict.fromkeys(row for settings in (ServiceSettings, IngestSettings) for row in _walk("RAG_", settings))
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *map(str, rows)])


def _walk(prefix: str, model: type[BaseModel]) -> Iterator[Row]:
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        parts = list(_models_of(field))
        if not parts:
            yield Row(variable=variable, default=_default_of(field), description=field.description or "")
        elif len(parts) == 1:
            yield from _walk(f"{variable}__", parts[0])
        else:
            kinds = [_kind_of(part) for part in parts]
            description = f"{field.description} One of {', '.join(kinds)}."
            yield Row(variable=f"{variable}__KIND", default=f"`{kinds[0]}`", description=description)
            for part, kind in zip(parts, kinds, strict=True):
                fields = (row for row in _walk(f"{variable}__", part) if not row.variable.endswith("__KIND"))
                yield from (replace(row, kind=kind) for row in fields)


def _kind_of(part: type[BaseModel]) -> str:
    return str(get_args(part.model_fields["kind"].annotation)[0])


def _models_of(field: FieldInfo) -> Iterator[type[BaseModel]]:
    waiting: list[Any] = [field.annotation]
    while waiting:
        annotation = waiting.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        else:
            waiting = [part for part in get_args(annotation) if not isinstance(part, str)] + waiting


def _default_of(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    return "unset" if field.default is None else f"`{field.default}`"


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
