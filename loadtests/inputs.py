"""The figures that the plan computes with, from `capacity.toml` or a copy of it."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).with_name("capacity.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    seconds_between_questions: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    cpu_seconds: float
    cpu_seconds_per_token: float
    utilization: float
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    passages_per_core_second: float
    gpu_tokens_per_second: float
    tokens_per_chunk: int
    weeks: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    dense: int
    graph: int
    sparse: int
    indexes: int
    payload: int
    quantized: int
    node_gib: list[int]
    usable: float
    search_cpu_seconds: float
    words_cpu_seconds: float
    tenant_chunks: int
    most_nodes_of_floats: int
    embedded_chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    parameters: float
    bytes_per_parameter: int
    kv_bytes_per_token: int
    prompt_tokens: int
    answer_tokens: int
    slots: int
    variation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    flops: float
    bandwidth: float
    compute_efficiency: float
    bandwidth_efficiency: float
    utilization: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    core: float
    gpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The file's own comments say what each of them is."""

    users: Users
    service: Service
    embedding: Embedding
    store: Store
    model: Model
    gpu: Gpu
    prices: Prices

    @classmethod
    def read(cls, path: Path = SHIPPED) -> "Inputs":
        """Raises `ValueError` where the file is none of this form."""
        try:
            read: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            kinds: dict[str, Any] = {field.name: field.type for field in fields(cls)}
            return cls(**{name: kind(**read.pop(name)) for name, kind in kinds.items()}, **read)
        except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"{path}: {error}") from error
