"""Whether each form of the configured embedder gives the vectors that it should."""

import argparse
import asyncio
from dataclasses import dataclass

from evals.commands import Commands, add_json, print_table
from ingest.migration.embedder_checks import check_embedder
from ingest.migration.golden import golden_texts, record
from rag.embedding.factory import build_tokenizer, open_embedder
from rag.http import open_session
from rag.settings import EmbedderSettings, KernelSettings, LocalEmbedderSettings

HEADER = "| form | check | holds | measured |\n|---|---|---|---|"

_FORMS = ("torch", "onnx")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderCheck:
    """One promise of one form of the embedder."""

    form: str
    check: str
    holds: bool
    measured: str

    def to_row(self) -> str:
        return f"| {self.form} | {self.check} | {'yes' if self.holds else 'NO'} | {self.measured} |"


EXAMPLES = """  python -m evals embedding                          each form of the embedder against what it promises"""


def add_commands(commands: Commands) -> None:
    checked = commands.add_parser("embedding", help="golden vectors, norm, length: each form of the embedder")
    checked.add_argument("--record", action="store_true", help="write the golden vectors anew, by torch")
    add_json(checked)
    checked.set_defaults(run=_embedding)


def _embedding(arguments: argparse.Namespace, settings: KernelSettings) -> int:
    if arguments.record:
        print(f"{asyncio.run(record_golden_vectors(settings))} golden vectors written")
        return 0
    checks = asyncio.run(measure_embedding(settings))
    print_table(HEADER, checks, arguments.json)
    return 0 if all(check.holds for check in checks) else 1


async def measure_embedding(settings: KernelSettings) -> list[EmbedderCheck]:
    """Every form of a local embedder, where the ONNX one has been exported; a server as it is."""
    checks = []
    for form, embedder_settings in _forms(settings):
        async with (
            open_session(settings.http) as session,
            open_embedder(embedder_settings, session, models=settings.models_dir) as embedder,
        ):
            findings = await check_embedder(embedder, build_tokenizer(embedder_settings))
        checks += [
            EmbedderCheck(form=form, check=finding.check, holds=finding.holds, measured=finding.measured)
            for finding in findings
        ]
    return checks


async def record_golden_vectors(settings: KernelSettings) -> int:
    """Writes the golden vectors of the packaged embedder anew, by torch, one text at a time; how many."""
    reference = LocalEmbedderSettings(runtime="torch")
    async with (
        open_session(settings.http) as session,
        open_embedder(reference, session, models=settings.models_dir) as embedder,
    ):
        vectors = [await embedder.embed_query(text) for text in golden_texts()]
    record(vectors)
    return len(vectors)


def _forms(settings: KernelSettings) -> list[tuple[str, EmbedderSettings]]:
    """A missing ONNX form is an error when it is opened: a check that leaves something out proves nothing."""
    match settings.embedder:
        case LocalEmbedderSettings() as local:
            return [(form, local.model_copy(update={"runtime": form})) for form in _FORMS]
        case other:
            return [(other.kind, other)]
