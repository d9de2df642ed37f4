"""The command `python -m evals` and its parts."""

import argparse

from evals import embedding, everything
from evals.answers import commands as answers
from evals.answers import feedback, multi_hop
from evals.drift import commands as drift
from evals.gating import commands as gating
from evals.judging import commands as judging
from evals.performance import commands as performance
from evals.retrieval import commands as retrieval
from evals.scorecard import commands as scorecard
from rag.program import run_program
from service.settings import Settings

_SUBJECTS = (
    *(answers, feedback, multi_hop, gating, retrieval, embedding),
    *(judging, drift, performance, scorecard, everything),
)


def main() -> int:
    return run("evals", build_parser().parse_args())


def run(program: str, arguments: argparse.Namespace) -> int:
    """Run the command that `arguments` name and return the exit status."""
    # The service logs each answer and each revision, which would bury the tables.
    return run_program(program, Settings, lambda settings: arguments.run(arguments, settings), log_level="warning")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    examples = "\n".join(subject.EXAMPLES for subject in _SUBJECTS)
    parser = argparse.ArgumentParser(
        prog="python -m evals",
        description="Measures the quality of retrieval and answers, drift, and the performance of the programs.",
        epilog=f"""examples:
{examples}

FOLDER contains corpus.jsonl and queries.jsonl in BEIR's format. For answers it also contains answers.json (question id
to gold spans) or CLAPNQ's *answerable.jsonl. docs/guides/evaluation.md explains the measures.""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for subject in _SUBJECTS:
        subject.add_commands(commands)
    return parser
