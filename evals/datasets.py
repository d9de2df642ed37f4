"""Data sets in BEIR's format: `corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`, and optional gold answers.

A data set is a local folder, or a name that is downloaded once, verified and cached.
"""

import asyncio
import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from rag.errors import BadResponse, InvalidInput
from rag.http import require_success, translated_errors
from rag.upstream import Upstream

# md5 sums as BEIR publishes them, for the collections that a laptop embeds within two hours.
NAMED = {
    "arguana": "8ad3e3c2a5867cdced806d6503f29b99",
    "fiqa": "17918ed23cd04fb15047f73e6c3bd9d9",
    "nfcorpus": "a89dba18a62ef92f7d323ec890a0d38d",
    "scidocs": "38121350fc3a4d2f48850f6aff52e4a9",
    "scifact": "5f7d1de60b170fc8027bb7898e2efca1",
}
_UPSTREAM = Upstream("data set server")
_HOME = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"
_BLOCK_BYTES = 1 << 20
_SPLITS = ("test", "dev", "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusDocument:
    """One document of a data set. The title may be empty."""

    id: str
    title: str
    text: str

    @property
    def markdown(self) -> str:
        return f"# {self.title}\n\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Documents, questions, and judgements of relevance."""

    name: str
    split: str
    documents: Sequence[CorpusDocument]
    questions: Mapping[str, str]
    """Texts by question id, in the order of the file. Only questions with a relevant document are included."""
    relevant: Mapping[str, Mapping[str, int]]
    """Grades of at least 1, by question id and document id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanQuestion:
    """A question with its gold spans. Each span is a correct answer."""

    id: str
    text: str
    gold: Sequence[str]


def read_dataset(folder: Path, *, split: str | None = None) -> Dataset:
    """Read a data set. Raise `InvalidInput` if files are missing or malformed.

    Without `split`, the first existing one of test, dev and train is read. Grades of 0 and less mean "not relevant" and
    are left out.
    """
    name = split or _first_split(folder)
    relevant = _read_judgements(folder / "qrels" / f"{name}.tsv")
    texts = read_texts(folder)
    unknown = sorted(set(relevant) - set(texts))
    if unknown:
        raise InvalidInput(
            f"{folder}: the judgements refer to questions that are not in queries.jsonl, such as {unknown[0]}."
        )
    questions = {question: text for question, text in texts.items() if question in relevant}
    return Dataset(
        name=folder.resolve().name,
        split=name,
        documents=read_corpus(folder),
        questions=questions,
        relevant=relevant,
    )


def read_corpus(folder: Path) -> list[CorpusDocument]:
    """Read the documents; empty ones are left out. Raise `InvalidInput` if the folder has no corpus."""
    rows = read_lines(folder / "corpus.jsonl")
    documents = [
        CorpusDocument(id=str(row["_id"]), title=str(row.get("title") or "").strip(), text=str(row["text"]))
        for row in rows
    ]
    return [document for document in documents if document.text.strip() or document.title]


def read_texts(folder: Path) -> dict[str, str]:
    """Return the texts of all questions by id, judged or not. Raise `InvalidInput`."""
    return {str(row["_id"]): str(row["text"]) for row in read_lines(folder / "queries.jsonl")}


def read_answers(folder: Path) -> list[SpanQuestion]:
    """Return the questions that have gold spans in `answers.json`. Raise `InvalidInput`."""
    try:
        gold: dict[str, list[str]] = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{folder} is not a data set with answers: {error}") from error
    rows = read_lines(folder / "queries.jsonl")
    return [SpanQuestion(id=row["_id"], text=row["text"], gold=gold[row["_id"]]) for row in rows if row["_id"] in gold]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file, one a line. Raise `InvalidInput`."""
    try:
        # splitlines() would also split at Unicode line separators inside JSON strings.
        lines = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line.strip()]
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidInput(f"{path} cannot be read as JSON lines: {error}") from error


def find_dataset(name_or_folder: str, *, cache: Path, home: str = _HOME, known: Mapping[str, str] = NAMED) -> Path:
    """Return the folder itself, or that of a named data set, which is downloaded into `cache` the first time.

    It blocks, so do not call it in an event loop. Raise `InvalidInput` for an unknown name and `Unavailable` without a
    network.
    """
    folder = Path(name_or_folder)
    if folder.is_dir():
        return folder
    if name_or_folder not in known:
        names = ", ".join(sorted(known))
        raise InvalidInput(f"{name_or_folder} is neither a folder nor a known data set. The known ones are {names}.")
    cached = cache / name_or_folder
    if not cached.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        _fetch(name_or_folder, f"{home}/{name_or_folder}.zip", cache, md5=known[name_or_folder])
    return cached


def _first_split(folder: Path) -> str:
    split = next((split for split in _SPLITS if (folder / "qrels" / f"{split}.tsv").is_file()), None)
    if split is None:
        raise InvalidInput(f"{folder} is not a data set in BEIR's format: it has no qrels/test.tsv.")
    return split


def _read_judgements(path: Path) -> dict[str, dict[str, int]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    relevant: dict[str, dict[str, int]] = {}
    # The first line contains the column names.
    for number, line in enumerate(lines[1:], start=2):
        try:
            question, document, grade = line.split("\t")
            if int(grade) > 0:
                relevant.setdefault(question, {})[document] = int(grade)
        except ValueError:
            raise InvalidInput(
                f"{path}, line {number}: expected question, document and grade, separated by tabs."
            ) from None
    return relevant


def _fetch(name: str, url: str, cache: Path, *, md5: str) -> None:
    archive = cache / f"{name}.zip"
    try:
        actual = asyncio.run(_download(url, archive))
        if actual != md5:
            raise BadResponse(f"{url} differs from the published data set: its md5 is {actual}, expected {md5}.")
        _unpack(archive, name, cache)
    finally:
        archive.unlink(missing_ok=True)


async def _download(url: str, target: Path) -> str:
    """Download the file and return its md5 sum."""
    digest = hashlib.md5(usedforsecurity=False)
    with translated_errors(_UPSTREAM), target.open("wb") as file:
        async with aiohttp.ClientSession(trust_env=True) as session, session.get(url) as response:
            await require_success(_UPSTREAM, response)
            async for block in response.content.iter_chunked(_BLOCK_BYTES):
                digest.update(block)
                file.write(block)
    return digest.hexdigest()


def _unpack(archive: Path, name: str, cache: Path) -> None:
    """Unpack into a draft folder and rename it at the end, so an interrupted download leaves no partial data set."""
    draft = cache / f"{name}.draft"
    with zipfile.ZipFile(archive) as members:
        members.extractall(draft)
    (draft / name).rename(cache / name)
    draft.rmdir()
