"""The command `python -m research`: runs one study and prints its tables."""

import argparse

from evals.program import run
from research.archive import commands as archive
from research.capacity import commands as capacity
from research.chunkers import commands as chunkers
from research.drift_power import commands as drift_power
from research.encodings import commands as encodings
from research.engine_at_scale import commands as engine_at_scale
from research.extraction import commands as extraction
from research.grounding import commands as grounding
from research.manuals import commands as manuals
from research.quoting import commands as quoting
from research.reranking import commands as reranking
from research.service_overhead import commands as service_overhead
from research.telemetry_overhead import commands as telemetry_overhead
from research.word_weights import commands as word_weights

_STUDIES = (
    *(chunkers, reranking, drift_power, engine_at_scale, extraction, encodings, grounding, quoting, word_weights),
    *(telemetry_overhead, service_overhead, capacity, archive, manuals),
)


def main() -> int:
    examples = "\n".join(study.EXAMPLES for study in _STUDIES)
    parser = argparse.ArgumentParser(
        prog="python -m research",
        description="Runs the studies that back the architecture decisions in docs/adr.",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for study in _STUDIES:
        study.add_commands(commands)
    return run("research", parser.parse_args())
