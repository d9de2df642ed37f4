"""The page of settings, read off the pydantic models of both programs."""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ingest.settings import Settings as IngestSettings
from rag.settings import KernelSettings
from rag.variables import kinds_of, models_of, variables_of
from service.settings import Settings as ServiceSettings
from tests.support.reference.markdown import NOTICE, join_blocks, to_sentences, to_table

_INTRODUCTION = """\
Both programs read environment variables with the prefix `RAG_`.
They also read the same names from a file `.env` in the working directory; the environment takes precedence.
Two underscores separate a group from its field: `RAG_STORE__URL` is the field `url` of the group `store`.
The programs read their settings once, when they start.
A value that does not fit stops the program with a message that names the variable.
So does a name with this prefix that neither program knows; the message tells the nearest known name.
An empty value counts as unset.

The service and the worker must agree on everything in the sections that say "read by both programs".

OpenTelemetry's own variables (`OTEL_…`) set headers, certificates and resource attributes of traces.
See [tracing](../guides/tracing.md)."""
_PROGRAMS: tuple[tuple[type[BaseModel], str], ...] = (
    (KernelSettings, "both programs"),
    (ServiceSettings, "`python -m service`"),
    (IngestSettings, "`python -m ingest`"),
)
_HEAD = ("variable", "values", "default", "description")
_TYPES = {bool: "`true`, `false`", int: "integer", float: "number", Path: "path", str: "text", SecretStr: "secret"}
_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One environment variable."""

    variable: str
    values: str
    default: str
    description: str


def known_variables() -> frozenset[str]:
    """Return the name of every environment variable that a program reads."""
    return frozenset(row.variable for row in all_rows())


def all_rows() -> Iterator[Row]:
    """Yield each variable of both programs."""
    for model in (ServiceSettings, IngestSettings):
        yield from _rows_below("RAG_", model)


def render_names() -> str:
    """Return the content of rag/variables.txt."""
    return "\n".join(sorted(known_variables())) + "\n"


def render_page() -> str:
    return join_blocks(["# Settings", NOTICE, _INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    documented: set[str] = set()
    for program, reader in _PROGRAMS:
        fields = {name: field for name, field in program.model_fields.items() if name not in documented}
        documented |= set(fields)
        plain = [_to_row(f"RAG_{name.upper()}", field) for name, field in fields.items() if not models_of(field)]
        yield f"## General settings read by {reader}"
        yield _to_rows(plain)
        for name, field in fields.items():
            if models_of(field):
                yield from _group(name, field, reader)


def _group(name: str, field: FieldInfo, reader: str) -> Iterator[str]:
    prefix = f"RAG_{name.upper()}__"
    yield f"## `{prefix}…`"
    yield to_sentences(f"{_description_of(field)} Read by {reader}.")
    models = models_of(field)
    if len(models) == 1:
        yield _to_rows(_rows_below(prefix, models[0]))
        return
    kinds = dict(zip(kinds_of(field), models, strict=True))
    default = next(iter(kinds))
    yield to_table(
        ("kind", "is"),
        [(f"`{prefix}KIND={kind}`" + " (default)" * (kind == default), _summary_of(kinds[kind])) for kind in kinds],
    )
    for kind, model in kinds.items():
        rows = [row for row in _rows_below(prefix, model) if not row.variable.endswith("__KIND")]
        if rows:
            yield f"### `{prefix}KIND={kind}`"
            yield _to_rows(rows)


def _rows_below(prefix: str, model: type[BaseModel]) -> Iterator[Row]:
    for variable, field in variables_of(model, prefix):
        yield _to_row(variable, field)


def _to_rows(rows: Iterator[Row] | list[Row]) -> str:
    return to_table(_HEAD, [(f"`{row.variable}`", row.values, row.default, row.description) for row in rows])


def _to_row(variable: str, field: FieldInfo) -> Row:
    return Row(
        variable=variable, values=_values_of(field), default=_default_of(field), description=_description_of(field)
    )


def _description_of(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _values_of(field: FieldInfo) -> str:
    values = ", ".join(dict.fromkeys(_value_names(field.annotation)))
    bounds = [
        f"{sign} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, sign in _BOUNDS.items()
        if getattr(limit, name, None) is not None
    ]
    return f"{values} {' and '.join(bounds)}".strip()


def _value_names(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Annotated:
        yield from _value_names(get_args(annotation)[0])
    elif get_origin(annotation) is Literal:
        yield from (f"`{value}`" for value in get_args(annotation))
    elif get_origin(annotation) in {Union, types.UnionType}:
        for part in get_args(annotation):
            yield from _value_names(part)
    elif get_origin(annotation) is tuple:
        yield "list of text"
    elif get_origin(annotation) is dict:
        yield "JSON object"
    elif annotation is not type(None):
        yield _TYPES.get(annotation, "URL")


def _default_of(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default in (None, "", ()):
        return "unset"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _summary_of(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n\n")[0]
