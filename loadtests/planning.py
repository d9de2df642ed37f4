"""From how many ask and how much there is to what it takes: replicas, nodes, GPUs, and what an answer costs."""

import math
from dataclasses import dataclass

from loadtests.inputs import Inputs
from loadtests.queueing import Gate, predict

_GIB = 1 << 30
_HOURS_A_WEEK = 168
_GIB_PER_CORE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Of Qdrant; none where it is embedded in the service."""

    count: int
    gib: int
    shards: int
    quantized: bool
    memory_gib: float
    """What all of them keep in memory, replicas of shards included."""

    @property
    def cores(self) -> int:
        return self.count * self.gib // _GIB_PER_CORE

    def __str__(self) -> str:
        if not self.count:
            return "embedded"
        return f"{self.count} of {self.gib} GiB, {self.shards} shards{', int8' if self.quantized else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One design. Where only one asks nothing is redundant and no GPU is rented: the documents are quoted."""

    users: int
    chunks: int
    rate: float
    """Answers a second."""
    replicas: int
    """Of the service, a core each."""
    nodes: Nodes
    embedding_core_hours: float
    """The first filling on processors, or on GPUs by the other."""
    embedding_gpus: int
    """To be done with it in the weeks that were given; afterwards questions take a part of the service's core."""
    gpus: int
    """For the language model."""
    slots: int
    """`RAG_GENERATOR__CONCURRENCY` of each replica."""
    first_token: float
    """Mean seconds that the model takes to it, waiting for a slot included; 0 without a model."""
    refused: float
    cost: float
    """US dollars for 1,000 answers at this rate."""

    def to_row(self) -> str:
        memory = self.nodes.memory_gib
        kept = f"{memory:,.1f} GiB" if memory < 100 else f"{memory / 1024:,.1f} TiB"
        filling = f"{self.embedding_core_hours:,.0f} h or {self.embedding_gpus}"
        model = f"{self.gpus} ({self.slots})" if self.gpus else "none: quotes"
        first = f"{self.first_token * 1000:.0f} ms, {self.refused:.2%}" if self.gpus else "-"
        return (
            f"| {self.users:,} | {self.chunks:,} | {self.rate:.2f} | {self.replicas} | {self.nodes} | {kept} "
            f"| {filling} | {model} | {first} | {_dollars(self.cost)} |"
        )


HEADER = (
    "| users | chunks | answers/s | replicas | vector store | in memory | filling: core hours, or GPUs for a week "
    "| GPUs of the model (slots) | model's first token, refused | $ for 1,000 answers |\n" + "|---" * 10 + "|"
)


def plan(users: int, chunks: int, inputs: Inputs) -> Plan:
    """Everything is at its busiest hour; whoever asks less at night pays for that too."""
    rate = users / inputs.users.seconds_between_questions
    is_alone = users == 1
    replicas = max(1 if is_alone else 2, math.ceil(rate * answer_seconds(inputs) / inputs.service.utilization))
    nodes = _plan_nodes(chunks, rate, inputs, is_alone=is_alone)
    gpus, held, first = (0, 0.0, 0.0) if is_alone else _plan_model(rate, inputs)
    slots = math.ceil(gpus * inputs.model.slots / replicas)
    wait, refused = _queue(rate, slots * replicas, replicas, held, inputs) if gpus else (0.0, 0.0)
    hourly = (replicas + nodes.cores) * inputs.prices.core + gpus * inputs.prices.gpu
    embedding = inputs.embedding
    gpu_hours = chunks * embedding.tokens_per_chunk / embedding.gpu_tokens_per_second / 3600
    return Plan(
        users=users,
        chunks=chunks,
        rate=rate,
        replicas=replicas,
        nodes=nodes,
        embedding_core_hours=chunks / embedding.passages_per_core_second / 3600,
        embedding_gpus=math.ceil(gpu_hours / (embedding.weeks * _HOURS_A_WEEK)),
        gpus=gpus,
        slots=slots,
        first_token=wait + first,
        refused=refused,
        cost=hourly / (rate * 3600) * 1000,
    )


def answer_seconds(inputs: Inputs) -> float:
    """Of the service's processor, for one answer: its pieces are sent on one by one."""
    return inputs.service.cpu_seconds + inputs.model.answer_tokens * inputs.service.cpu_seconds_per_token


def bytes_in_memory(inputs: Inputs, *, quantized: bool) -> int:
    """Of one chunk, what every search may touch."""
    store = inputs.store
    return (store.quantized if quantized else store.dense) + store.graph + store.sparse + store.indexes


def _plan_nodes(chunks: int, rate: float, inputs: Inputs, *, is_alone: bool) -> Nodes:
    """The smallest nodes of which the least number will do; else as many as it takes of the largest."""
    store = inputs.store
    if is_alone and chunks <= store.embedded_chunks:
        memory = chunks * bytes_in_memory(inputs, quantized=False) / _GIB
        return Nodes(count=0, gib=0, shards=0, quantized=False, memory_gib=memory)
    copies, least = (1, 1) if is_alone else (2, 3)
    quantized = False
    memory = copies * chunks * bytes_in_memory(inputs, quantized=False) / _GIB
    if memory > store.most_nodes_of_floats * store.node_gib[-1] * store.usable:
        quantized = True
        memory = copies * chunks * bytes_in_memory(inputs, quantized=True) / _GIB
    for gib in store.node_gib:
        shards = max(least, math.ceil(memory / (gib * store.usable)))
        # Every shard is asked for every question, so what is too much for them takes more copies, not more shards.
        cores = _cores_for(shards, chunks, rate, inputs) / inputs.service.utilization
        count = max(shards, math.ceil(cores * _GIB_PER_CORE / gib))
        nodes = Nodes(count=count, gib=gib, shards=shards, quantized=quantized, memory_gib=memory * count / shards)
        if count == least:
            break
    return nodes


def _cores_for(shards: int, chunks: int, rate: float, inputs: Inputs) -> float:
    """A question searches the shards of its tenant only, and BM25 walks through all of that tenant's postings."""
    store = inputs.store
    met = min(chunks, store.tenant_chunks)
    own = max(1.0, shards * met / chunks)
    return rate * (own * store.search_cpu_seconds + met * store.words_cpu_seconds)


def _plan_model(rate: float, inputs: Inputs) -> tuple[int, float, float]:
    """GPUs, seconds that an answer holds its slot, and seconds to its first token."""
    model, gpu = inputs.model, inputs.gpu
    least, most = 0.0, 1 / prefill_seconds(inputs)
    for _ in range(60):  # The rate at which all slots are taken, by halving.
        middle = (least + most) / 2
        least, most = (middle, most) if middle * _held(middle, inputs) < model.slots else (least, middle)
    gpus = math.ceil(rate / (least * gpu.utilization))
    each = rate / gpus
    return gpus, _held(each, inputs), prefill_seconds(inputs) / (1 - each * prefill_seconds(inputs))


def prefill_seconds(inputs: Inputs) -> float:
    """Bound by arithmetic: two operations for each parameter and token."""
    model, gpu = inputs.model, inputs.gpu
    return 2 * model.parameters * model.prompt_tokens / (gpu.flops * gpu.compute_efficiency)


def token_seconds(sequences: int, inputs: Inputs) -> float:
    """Bound by memory: all weights once, and each sequence's keys and values, in the middle of its answer."""
    model, gpu = inputs.model, inputs.gpu
    cached = model.kv_bytes_per_token * (model.prompt_tokens + model.answer_tokens / 2)
    read = model.parameters * model.bytes_per_parameter + sequences * cached
    return read / (gpu.bandwidth * gpu.bandwidth_efficiency)


def _held(rate: float, inputs: Inputs) -> float:
    """Seconds of an answer on one GPU; the prompts of others take their share of the time (processor sharing)."""
    prompt, tokens = prefill_seconds(inputs), inputs.model.answer_tokens
    alone = token_seconds(0, inputs)
    each = token_seconds(1, inputs) - alone
    left = 1 - rate * prompt
    # in flight = rate * held, and a token takes (alone + in flight * each) / left: solved for `held`.
    grows = 1 - rate * tokens * each / left
    return (prompt + tokens * alone) / left / grows if grows > 0 else math.inf


def _queue(rate: float, servers: int, replicas: int, held: float, inputs: Inputs) -> tuple[float, float]:
    """Every replica has a Gate of its own, and its share of the questions."""
    gate = Gate(
        servers=servers // replicas,
        waiting=inputs.service.waiting,
        service=held,
        variation=inputs.model.variation,
    )
    said = predict(gate, rate / replicas)
    return said.wait, said.refused


def _dollars(amount: float) -> str:
    return f"{amount:.2f}" if amount >= 0.1 else f"{amount:.3f}"
