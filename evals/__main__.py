"""`python -m evals`: measures retrieval and answers, on public data and on this project's own documentation."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from evals import embedding, gate, ingestion, latency, memory, reranking, retrieval, serving
from evals.answers import measure_answers
from evals.chunking.command import measure_and_report
from evals.datasets import NAMED, find_dataset, read_dataset
from evals.embedding import measure_embedding, record_golden_vectors
from evals.everything import measure_everything
from evals.gold import GOLDEN, read_question_set
from evals.ingestion import measure_ingestion
from evals.judging import commands as judging
from evals.latency import measure_latency
from evals.prompts import are_prompts, compare_prompts, register, track_prompts
from evals.report import compare_files, report_answers, to_differences, to_table, write_report
from evals.reranking import measure_reranking
from evals.results import write_runs, write_texts
from evals.retrieval import measure_retrieval
from evals.statistics import compare
from evals.tracking import track_runs
from ingest.settings import Settings as IngestSettings
from rag.errors import GroundworkError
from rag.retrying import log_retries
from rag.settings import read_settings
from rag.telemetry import configure_logging
from service.settings import Mode, Settings

_EXAMPLES = f"""examples:
  python -m evals answers golden --modes quote                       this project's own questions
  python -m evals answers xquad-en --modes quote,checked,generate --sample 100 --json answers.json
  python -m evals answers golden --report .eval                      JSON, Markdown and plots into a folder
  python -m evals compare before.json after.json                     paired differences with intervals
  python -m evals compare answer/v2 answer/v1 --sample 20            two prompts over the same questions
  python -m evals register answer/v2                                 puts a prompt into MLflow's registry
  python -m evals gate --markdown table.md                           the fast subset against its baseline
  python -m evals accept "Chunks overlap now: recall over length"    makes what is now the baseline
  python -m evals retrieval scifact --modes dense,bm25,hybrid --json scifact.json
  python -m evals ingestion ~/docs --rounds 3                        chunks/s against the embedder alone
  python -m evals latency --passages 5000                            passages for one question, the model included
  python -m evals memory --documents 1000,100000 --embedder fake     what ingestion keeps in memory
  python -m evals chunking chunking --json chunking.json             chunkers; minutes for each the first time
  python -m evals embedding                          each form of the embedder against what it promises
  python -m evals serving                                            the running service, a few minutes
{judging.EXAMPLES}

FOLDER holds corpus.jsonl and queries.jsonl (as in BEIR), and for answers also answers.json (question id to gold spans)
or CLAPNQ's *answerable.jsonl. docs/evaluation.md says what is measured."""


def main() -> int:
    arguments = _parse_arguments()
    try:
        settings = read_settings(Settings)
        # The service's own news (each answer, each revision) would drown the tables.
        configure_logging(settings.model_copy(update={"log_level": "warning"}))
        log_retries()
        return _run(arguments, settings)
    except GroundworkError as error:
        print(f"evals: {error}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace, settings: Settings) -> int:  # noqa: PLR0912 - one branch for each command
    match arguments.command:
        case "answers":
            return _answers(arguments, settings)
        case "all":
            measure_everything(arguments.data, arguments.modes, settings, report=arguments.report)
        case "compare":
            _compare(arguments, settings)
        case "register":
            print(f"{arguments.prompt} is version {asyncio.run(register(arguments.prompt, settings))} there.")
        case "gate":
            return gate.run_gate(settings, markdown=arguments.markdown)
        case "accept":
            gate.accept(settings, arguments.reason)
        case "retrieval":
            folder = find_dataset(arguments.dataset, cache=settings.data_dir / "datasets")
            dataset = read_dataset(folder, split=arguments.split)
            found = asyncio.run(measure_retrieval(dataset, arguments.modes, settings, whole=not arguments.chunks))
            _report_retrieval(found, arguments.json)
        case "reranking":
            folder = find_dataset(arguments.dataset, cache=settings.data_dir / "datasets")
            training = read_dataset(folder, split="train") if arguments.train else None
            comparing = measure_reranking(read_dataset(folder), training, settings)
            _report_reranking(asyncio.run(comparing), arguments.json)
        case "ingestion":
            measuring_rounds = measure_ingestion(
                str(arguments.folder),
                read_settings(IngestSettings),
                rounds=arguments.rounds,
                documents=arguments.documents,
            )
            measured = asyncio.run(measuring_rounds)
            _report(ingestion.HEADER, measured, arguments.json)
            print(ingestion.to_summary(measured))
        case "memory":
            peaks = list(memory.measure_memory(arguments.documents, arguments.embedder, arguments.store))
            _report(memory.HEADER, peaks, arguments.json)
        case "latency":
            measuring_times = measure_latency(
                arguments.folder, settings, passages=arguments.passages, questions=arguments.sample
            )
            _report(latency.HEADER, asyncio.run(measuring_times), arguments.json)
        case "chunking":
            figures = measure_and_report(
                arguments.folder, settings, only=arguments.only, report=arguments.report, target=arguments.json
            )
            print(figures)
        case "embedding":
            return _embedding(arguments, settings)
        case "judge" | "calibrate":
            asyncio.run(judging.run(arguments, settings))
        case "serving":
            _report(serving.HEADER, serving.measure_serving(settings.models_dir), arguments.json)
    return 0


def _answers(arguments: argparse.Namespace, settings: Settings) -> int:
    questions = read_question_set(arguments.questions)
    runs = asyncio.run(measure_answers(questions, arguments.modes, settings, sample=arguments.sample))
    threshold = settings.retrieval.min_similarity
    print(report_answers(questions, runs, threshold=threshold))
    if arguments.json:
        write_runs(runs, arguments.json)
    if arguments.texts:
        write_texts(runs, arguments.texts)
    if settings.mlflow.uri:
        asyncio.run(track_runs(runs, settings))
    if arguments.report:
        write_report(questions, runs, arguments.report, threshold=threshold)
    return 0


def _compare(arguments: argparse.Namespace, settings: Settings) -> None:
    """Two files of results, or two prompts that are asked now."""
    if not are_prompts(arguments.new, arguments.old):
        print(compare_files(Path(arguments.new), Path(arguments.old)))
        return
    questions = read_question_set(arguments.questions)
    names = [arguments.new, arguments.old]
    new, old = asyncio.run(compare_prompts(names, questions, settings, sample=arguments.sample))
    print(f"{to_table([new.run, old.run])}\n\n{to_differences(new.run, old.run)}")
    if arguments.texts:
        write_texts([new.run, old.run], arguments.texts)
    asyncio.run(track_prompts([new, old], settings))


def _embedding(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.record:
        print(f"{asyncio.run(record_golden_vectors(settings))} golden vectors written")
        return 0
    checks = asyncio.run(measure_embedding(settings))
    _report(embedding.HEADER, checks, arguments.json)
    return 0 if all(check.holds for check in checks) else 1


def _report(
    header: str,
    results: Sequence[serving.Figure]
    | Sequence[ingestion.Round]
    | Sequence[latency.Latency]
    | Sequence[memory.Peak]
    | Sequence[reranking.Result]
    | Sequence[embedding.Check],
    target: Path | None,
) -> None:
    print("\n".join([header, *(result.to_row() for result in results)]))
    if target:
        target.write_text(json.dumps([asdict(result) for result in results], indent=1))


def _report_retrieval(results: Sequence[retrieval.Result], target: Path | None) -> None:
    print("\n".join([retrieval.HEADER, *(result.to_row() for result in results)]))
    *others, last = results
    for other in others:
        difference = compare(last.values["nDCG@10"], other.values["nDCG@10"])
        print(f"\n{last.mode} against {other.mode}, nDCG@10: {difference}")
    if target:
        target.write_text(json.dumps({result.mode: result.to_json() for result in results}, indent=1))


def _report_reranking(found: reranking.Comparison, target: Path | None) -> None:
    _report(reranking.HEADER, found.results, target)
    print(f"\n{found.model} over {found.candidates} candidates: {found.p50:.3f} s a question (median)")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evals",
        description="Measures what retrieval and answering do together.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    asked = commands.add_parser("answers", help="answers, citations, groundedness and refusals, by answering mode")
    asked.add_argument(
        "questions", metavar="FOLDER", help=f"a folder with gold answers, or {GOLDEN}: this project's own questions"
    )
    asked.add_argument(
        "--modes", type=_modes, default=["quote"], help="quote, checked, generate, or several with commas"
    )
    asked.add_argument("--sample", type=int, help="this many questions instead of all, always the same ones")
    asked.add_argument("--report", type=Path, metavar="OUT", help="a folder for JSON, a Markdown table and plots")
    everything = commands.add_parser("all", help=f"{GOLDEN}, and every data set in a folder: answers and retrieval")
    everything.add_argument("data", type=Path, nargs="?", metavar="FOLDER", help="a data set, or a folder of data sets")
    everything.add_argument("--modes", type=_modes, default=["quote", "checked"], help="default: quote,checked")
    everything.add_argument("--report", type=Path, default=Path(".eval"), metavar="OUT", help="default: %(default)s")
    compared = commands.add_parser(
        "compare", help="paired differences, with intervals: of two prompts, or of two files"
    )
    compared.add_argument("new", metavar="NEW", help="a prompt such as answer/v2, or a file that --json wrote")
    compared.add_argument("old", metavar="OLD")
    compared.add_argument("--questions", default=GOLDEN, metavar="FOLDER", help="for prompts (default: %(default)s)")
    compared.add_argument("--sample", type=int, help="for prompts: this many questions, always the same ones")
    for command in (asked, compared):
        command.add_argument("--texts", type=Path, metavar="OUT", help="a folder for the answers, which `judge` reads")
    registered = commands.add_parser("register", help="a prompt of the folder into MLflow's registry (RAG_MLFLOW__URI)")
    registered.add_argument("prompt", metavar="PROMPT", help="such as answer/v2")
    gated = commands.add_parser("gate", help=f"the fast subset against its baseline; exit {gate.RED} where it fell")
    gated.add_argument("--markdown", type=Path, metavar="OUT", help="also write the table, fit for a comment")
    accepted = commands.add_parser("accept", help="make what is measured now the gate's baseline")
    accepted.add_argument("reason", metavar="REASON", help="why it is right that it changed; kept in the baseline")
    found = commands.add_parser("retrieval", help="nDCG@10, recall and MRR on a data set in BEIR's form")
    found.add_argument("dataset", metavar="FOLDER", help=f"a folder, or the name of one of {', '.join(sorted(NAMED))}")
    found.add_argument(
        "--modes", type=_rankings, default=["hybrid"], help="dense, bm25, hybrid, or several with commas"
    )
    found.add_argument("--split", help="of the judgements (default: test, else dev, else train)")
    found.add_argument(
        "--chunks", action="store_true", help="cut documents as the product does; otherwise each is one passage"
    )
    ordered = commands.add_parser("reranking", help="the configured reranker's gain on a data set in BEIR's form")
    ordered.add_argument("dataset", metavar="FOLDER", help="a folder, or a name as above")
    ordered.add_argument("--train", action="store_true", help="a small cross-encoder from its training questions")
    timed = commands.add_parser("latency", help="one question's passages, the model included")
    timed.add_argument("folder", type=Path, nargs="?", default=Path("docs"), metavar="FOLDER")
    timed.add_argument("--passages", type=int, default=5000, help="(default: %(default)s)")
    timed.add_argument("--sample", type=int, default=300, help="this many questions (default: %(default)s)")
    served = commands.add_parser("serving", help="start, memory, uploads, streams while documents come in")
    taken_in = commands.add_parser(
        "ingestion", help="ingestion against the bare embedder, and over unchanged documents"
    )
    taken_in.add_argument("folder", type=Path, nargs="?", default=Path("docs"), metavar="FOLDER")
    taken_in.add_argument("--rounds", type=int, default=3, help="how often (default: %(default)s)")
    taken_in.add_argument("--documents", type=int, default=200, help="of the folder at most (default: %(default)s)")
    kept = commands.add_parser("memory", help="resident memory of ingestion as the corpus grows")
    kept.add_argument("--documents", type=_numbers, default=[1_000, 100_000], help="sizes of corpora, with commas")
    kept.add_argument("--embedder", type=_kinds, default=["fake"], help="model, fake (costs no time), or both")
    kept.add_argument("--store", type=_places, default=["edge", "none"], help="edge, none (forgets), or both")
    judging.add_commands(commands)
    cut = _add_chunking(commands)
    checked = commands.add_parser("embedding", help="golden vectors, norm, length: each form of the embedder")
    checked.add_argument("--record", action="store_true", help="write the golden vectors anew, by torch")
    for command in (asked, found, ordered, timed, served, taken_in, kept, cut, checked):
        command.add_argument("--json", type=Path, metavar="OUT", help="also write the results as JSON")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _add_chunking(commands: Any) -> argparse.ArgumentParser:
    cut: argparse.ArgumentParser = commands.add_parser(
        "chunking", help="chunkers by how much of what answers they bring, and how much else"
    )
    cut.add_argument("folder", type=Path, metavar="FOLDER", help="corpora/*.md and questions_df.csv, as Chroma's")
    cut.add_argument("--only", action="append", metavar="CHUNKER", help="such as 'structure 128'; may be repeated")
    cut.add_argument("--report", type=Path, metavar="FILE", help="write the tables between its marks, and the plot")
    return cut


def _modes(text: str) -> list[Mode]:
    return _among(get_args(Mode), text)


def _kinds(text: str) -> list[memory.Kind]:
    return _among(get_args(memory.Kind), text)


def _places(text: str) -> list[memory.Place]:
    return _among(get_args(memory.Place), text)


def _rankings(text: str) -> list[retrieval.Ranking]:
    return _among(get_args(retrieval.Ranking), text)


def _among(known: Sequence[Any], text: str) -> list[Any]:
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(known)}")
    return text.split(",")


if __name__ == "__main__":
    sys.exit(main())
