"""The measured values and prices of the capacity plan, read from `capacity.toml` or a copy of it."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

DEFAULT_FILE = Path(__file__).with_name("capacity.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInputs:
    seconds_between_questions: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceInputs:
    cpu_seconds: float
    cpu_seconds_per_token: float
    utilization: float
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingInputs:
    passages_per_core_second: float
    gpu_tokens_per_second: float
    tokens_per_chunk: int
    weeks: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInputs:
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
class ModelInputs:
    parameters: float
    bytes_per_parameter: int
    kv_bytes_per_token: int
    prompt_tokens: int
    answer_tokens: int
    slots: int
    variation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuInputs:
    flops: float
    bandwidth: float
    compute_efficiency: float
    bandwidth_efficiency: float
    utilization: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceInputs:
    core: float
    gpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityInputs:
    """All inputs of the plan. The comments in `capacity.toml` explain each value."""

    users: UserInputs
    service: ServiceInputs
    embedding: EmbeddingInputs
    store: StoreInputs
    model: ModelInputs
    gpu: GpuInputs
    prices: PriceInputs

    @classmethod
    def read(cls, path: Path = DEFAULT_FILE) -> "CapacityInputs":
        """Read the file. Raise `ValueError` if a table or a value is missing, unknown or malformed."""
        try:
            tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            types: dict[str, Any] = {field.name: field.type for field in fields(cls)}
            return cls(**{name: type_(**tables.pop(name)) for name, type_ in types.items()}, **tables)
        except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"{path}: {error}") from error
