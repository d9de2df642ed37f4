"""The capacity plan: from users and chunks to replicas, store nodes, GPUs and the cost of an answer (ADR 0033)."""

import math
from dataclasses import dataclass

from loadtests.capacity.inputs import CapacityInputs
from loadtests.capacity.queueing import QueueModel, predict

_GIB = 1 << 30
_HOURS_PER_WEEK = 168
_GIB_PER_CORE = 4
# Each halving adds a bit: 60 exceed the precision of a float.
_HALVINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreNodes:
    """The nodes of a Qdrant cluster. `count` is 0 if the store is embedded in the service."""

    count: int
    gib: int
    shards: int
    quantized: bool
    memory_gib: float
    """What all nodes together hold in memory, shard replicas included."""

    @property
    def cores(self) -> int:
        return self.count * self.gib // _GIB_PER_CORE

    def __str__(self) -> str:
        if not self.count:
            return "embedded"
        return f"{self.count} of {self.gib} GiB, {self.shards} shards{', int8' if self.quantized else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityPlan:
    """The design for one number of users and chunks.

    For a single user nothing is redundant and no GPU is rented: the service quotes the documents.
    """

    users: int
    chunks: int
    rate: float
    """Answers per second."""
    replicas: int
    """Replicas of the service, one core each."""
    nodes: StoreNodes
    embedding_core_hours: float
    """Core hours to embed the whole collection without a GPU."""
    embedding_gpus: int
    """GPUs to embed the whole collection within the configured weeks, as the alternative to cores."""
    gpus: int
    """GPUs for the language model."""
    slots: int
    """`RAG_GENERATOR__CONCURRENCY` of each replica."""
    first_token: float
    """Mean seconds until the model's first token, with the wait for a slot. 0 without a model."""
    refused: float
    cost: float
    """US dollars per 1,000 answers at this rate."""

    def to_row(self) -> str:
        gib = self.nodes.memory_gib
        memory = f"{gib:,.1f} GiB" if gib < 100 else f"{gib / 1024:,.1f} TiB"
        embedding = f"{self.embedding_core_hours:,.0f} h or {self.embedding_gpus}"
        model = f"{self.gpus} ({self.slots})" if self.gpus else "none: quotes"
        first = f"{self.first_token * 1000:.0f} ms, {self.refused:.2%}" if self.gpus else "-"
        return (
            f"| {self.users:,} | {self.chunks:,} | {self.rate:.2f} | {self.replicas} | {self.nodes} | {memory} "
            f"| {embedding} | {model} | {first} | {_dollars(self.cost)} |"
        )


HEADER = (
    "| users | chunks | answers/s | replicas | vector store | in memory | embedding: core hours, or GPUs for a week "
    "| GPUs of the model (slots) | model's first token, refused | $ for 1,000 answers |\n" + "|---" * 10 + "|"
)


def plan(users: int, chunks: int, inputs: CapacityInputs) -> CapacityPlan:
    """Size every part for the busiest hour. The cost assumes that this capacity runs all day."""
    rate = users / inputs.users.seconds_between_questions
    single_user = users == 1
    replicas = max(1 if single_user else 2, math.ceil(rate * answer_seconds(inputs) / inputs.service.utilization))
    nodes = _plan_nodes(chunks, rate, inputs, single_user=single_user)
    gpus, slot_seconds, first = (0, 0.0, 0.0) if single_user else _plan_model(rate, inputs)
    slots = math.ceil(gpus * inputs.model.slots / replicas)
    wait, refused = _queue(rate, slots * replicas, replicas, slot_seconds, inputs) if gpus else (0.0, 0.0)
    hourly = (replicas + nodes.cores) * inputs.prices.core + gpus * inputs.prices.gpu
    embedding = inputs.embedding
    gpu_hours = chunks * embedding.tokens_per_chunk / embedding.gpu_tokens_per_second / 3600
    return CapacityPlan(
        users=users,
        chunks=chunks,
        rate=rate,
        replicas=replicas,
        nodes=nodes,
        embedding_core_hours=chunks / embedding.passages_per_core_second / 3600,
        embedding_gpus=math.ceil(gpu_hours / (embedding.weeks * _HOURS_PER_WEEK)),
        gpus=gpus,
        slots=slots,
        first_token=wait + first,
        refused=refused,
        cost=hourly / (rate * 3600) * 1000,
    )


def answer_seconds(inputs: CapacityInputs) -> float:
    """Return the service's CPU seconds per answer. They grow with its tokens, because each token is one event."""
    return inputs.service.cpu_seconds + inputs.model.answer_tokens * inputs.service.cpu_seconds_per_token


def bytes_in_memory(inputs: CapacityInputs, *, quantized: bool) -> int:
    """Return the bytes of one chunk that any search may read, and that memory must therefore hold."""
    store = inputs.store
    return (store.quantized if quantized else store.dense) + store.graph + store.sparse + store.indexes


def _plan_nodes(chunks: int, rate: float, inputs: CapacityInputs, *, single_user: bool) -> StoreNodes:
    """Choose the smallest node size with which the minimum number of nodes suffices, else more of the largest."""
    store = inputs.store
    if single_user and chunks <= store.embedded_chunks:
        memory = chunks * bytes_in_memory(inputs, quantized=False) / _GIB
        return StoreNodes(count=0, gib=0, shards=0, quantized=False, memory_gib=memory)
    copies, min_nodes = (1, 1) if single_user else (2, 3)
    quantized = False
    memory = copies * chunks * bytes_in_memory(inputs, quantized=False) / _GIB
    if memory > store.most_nodes_of_floats * store.node_gib[-1] * store.usable:
        quantized = True
        memory = copies * chunks * bytes_in_memory(inputs, quantized=True) / _GIB
    for gib in store.node_gib:
        shards = max(min_nodes, math.ceil(memory / (gib * store.usable)))
        # Every question searches every shard of its tenant. More load therefore needs more copies, not more shards.
        cores = _search_cores(shards, chunks, rate, inputs) / inputs.service.utilization
        count = max(shards, math.ceil(cores * _GIB_PER_CORE / gib))
        nodes = StoreNodes(count=count, gib=gib, shards=shards, quantized=quantized, memory_gib=memory * count / shards)
        if count == min_nodes:
            break
    return nodes


def _search_cores(shards: int, chunks: int, rate: float, inputs: CapacityInputs) -> float:
    """Return the cores for searching. A question searches its tenant's shards, and BM25 reads all its postings."""
    store = inputs.store
    tenant_chunks = min(chunks, store.tenant_chunks)
    tenant_shards = max(1.0, shards * tenant_chunks / chunks)
    return rate * (tenant_shards * store.search_cpu_seconds + tenant_chunks * store.words_cpu_seconds)


def _plan_model(rate: float, inputs: CapacityInputs) -> tuple[int, float, float]:
    """Return the GPUs, the seconds for which an answer occupies its slot, and the seconds to its first token."""
    model, gpu = inputs.model, inputs.gpu
    low, high = 0.0, 1 / prefill_seconds(inputs)
    for _ in range(_HALVINGS):  # Bisect for the rate at which all slots of one GPU are occupied.
        middle = (low + high) / 2
        low, high = (middle, high) if middle * _slot_seconds(middle, inputs) < model.slots else (low, middle)
    gpus = math.ceil(rate / (low * gpu.utilization))
    rate_per_gpu = rate / gpus
    first = prefill_seconds(inputs) / (1 - rate_per_gpu * prefill_seconds(inputs))
    return gpus, _slot_seconds(rate_per_gpu, inputs), first


def prefill_seconds(inputs: CapacityInputs) -> float:
    """Return the seconds to read a prompt. Arithmetic limits it: two operations per parameter and token."""
    model, gpu = inputs.model, inputs.gpu
    return 2 * model.parameters * model.prompt_tokens / (gpu.flops * gpu.compute_efficiency)


def token_seconds(sequences: int, inputs: CapacityInputs) -> float:
    """Return the seconds per output token with this many sequences in one batch.

    Memory bandwidth limits it: a step reads all weights once, and the keys and values of each sequence.
    """
    model, gpu = inputs.model, inputs.gpu
    # The average sequence has generated half of its answer.
    cached = model.kv_bytes_per_token * (model.prompt_tokens + model.answer_tokens / 2)
    read = model.parameters * model.bytes_per_parameter + sequences * cached
    return read / (gpu.bandwidth * gpu.bandwidth_efficiency)


def _slot_seconds(rate: float, inputs: CapacityInputs) -> float:
    """Return the seconds for which an answer occupies a slot of one GPU that serves `rate` answers per second.

    Reading the prompts of other questions takes its share of the GPU's time (processor sharing).
    """
    prompt, tokens = prefill_seconds(inputs), inputs.model.answer_tokens
    weights = token_seconds(0, inputs)
    per_sequence = token_seconds(1, inputs) - weights
    free_share = 1 - rate * prompt
    # in flight = rate * t, and a token takes (weights + in flight * per_sequence) / free_share. Solved for t:
    denominator = 1 - rate * tokens * per_sequence / free_share
    return (prompt + tokens * weights) / free_share / denominator if denominator > 0 else math.inf


def _queue(rate: float, slots: int, replicas: int, slot_seconds: float, inputs: CapacityInputs) -> tuple[float, float]:
    """Return the mean wait for a slot and the share of refusals. Each replica has its own gate and an equal load."""
    queue = QueueModel(
        servers=slots // replicas,
        waiting=inputs.service.waiting,
        service=slot_seconds,
        variation=inputs.model.variation,
    )
    prediction = predict(queue, rate / replicas)
    return prediction.wait, prediction.refused


def _dollars(amount: float) -> str:
    return f"{amount:.2f}" if amount >= 0.1 else f"{amount:.3f}"
