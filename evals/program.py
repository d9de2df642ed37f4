"""The command `python -m evals` and its parts."""

import argparse
import sys

from evals import embedding, everything
from evals.answers import commands as answers
from evals.drift import commands as drift
from evals.gating import commands as gating
from evals.judging import commands as judging
from evals.performance import commands as performance
from evals.retrieval import commands as retrieval
from rag.errors import GroundworkError
from rag.logs import configure_logging
from rag.retries import log_retries
from rag.settings import read_settings
from service.settings import Settings

_SUBJECTS = (answers, gating, retrieval, embedding, judging, drift, performance, everything)


def main() -> int:
    return carry_out("evals", build_parser().parse_args())


def carry_out(program: str, arguments: argparse.Namespace) -> int:
    """Run the command that `arguments` name and return the exit status."""
    try:
        settings = read_settings(Settings)
        # The service's own news (each answer, each revision) would drown the tables.
        configure_logging(settings.model_copy(update={"log_level": "warning"}))
        log_retries()
        status: int | None = arguments.run(arguments, settings)
    except GroundworkError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    return status or 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    examples = "\n".join(subject.EXAMPLES for subject in _SUBJECTS)
    parser = argparse.ArgumentParser(
        prog="python -m evals",
        description="Measures what retrieval and answering do together.",
        epilog=f"""examples:
{examples}

FOLDER holds corpus.jsonl and queries.jsonl (as in BEIR), and for answers also answers.json (question id to gold spans)
or CLAPNQ's *answerable.jsonl. docs/guides/evaluation.md says what is measured.""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for subject in _SUBJECTS:
        subject.add_commands(commands)
    return parser
