"""Checks each runtime of the configured embedder against its golden vectors (ADR 0023)."""

import argparse
import asyncio
from dataclasses import dataclass

from evals.collection import open_configured_embedder
from evals.commands import Commands, add_json, print_table
from ingest.migration.embedder_checks import check_embedder
from ingest.migration.golden import golden_texts, record
from rag.embedding.tokenizer import build_tokenizer
from rag.settings import EmbedderSettings, KernelSettings, LocalEmbedderSettings

HEADER = "| form | check | holds | measured |\n|---|---|---|---|"

_FORMS = ("torch", "onnx")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderCheck:
    """The result of one check of one runtime."""

    form: str
    check: str
    holds: bool
    measured: str

    def to_row(self) -> str:
        return f"| {self.form} | {self.check} | {'yes' if self.holds else 'NO'} | {self.measured} |"


EXAMPLES = """  python -m evals embedding                          checks each runtime of the embedder"""


def add_commands(commands: Commands) -> None:
    check = commands.add_parser(
        "embedding", help="check golden vectors, norm and length of each runtime of the embedder"
    )
    check.add_argument("--record", action="store_true", help="recompute the golden vectors with torch and write them")
    add_json(check)
    check.set_defaults(run=_embedding)


def _embedding(arguments: argparse.Namespace, settings: KernelSettings) -> int:
    if arguments.record:
        print(f"{asyncio.run(record_golden_vectors(settings))} golden vectors written")
        return 0
    checks = asyncio.run(measure_embedding(settings))
    print_table(HEADER, checks, arguments.json)
    return 0 if all(check.holds for check in checks) else 1


async def measure_embedding(settings: KernelSettings) -> list[EmbedderCheck]:
    """Check every runtime of a local embedder, or the configured embedding server."""
    checks = []
    for form, embedder_settings in _forms(settings):
        async with open_configured_embedder(settings.model_copy(update={"embedder": embedder_settings})) as embedder:
            findings = await check_embedder(embedder, build_tokenizer(embedder_settings))
        checks += [
            EmbedderCheck(form=form, check=finding.check, holds=finding.holds, measured=finding.measured)
            for finding in findings
        ]
    return checks


async def record_golden_vectors(settings: KernelSettings) -> int:
    """Recompute the golden vectors of the packaged embedder with torch, write them, and return their number."""
    reference = LocalEmbedderSettings(runtime="torch")
    async with open_configured_embedder(settings.model_copy(update={"embedder": reference})) as embedder:
        vectors = [await embedder.embed_query(text) for text in golden_texts()]
    record(vectors)
    return len(vectors)


def _forms(settings: KernelSettings) -> list[tuple[str, EmbedderSettings]]:
    """Return the settings of each runtime. A missing ONNX export fails later on purpose: skipping proves nothing."""
    match settings.embedder:
        case LocalEmbedderSettings() as local:
            return [(form, local.model_copy(update={"runtime": form})) for form in _FORMS]
        case other:
            return [(other.kind, other)]
