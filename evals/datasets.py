"""Data sets in BEIR's form: `corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`, and gold answers where there are any.

A folder is read as it is; a name is downloaded once, checked and kept.
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

# md5 as BEIR publishes it; of those collections that a laptop embeds within an hour or two.
NAMED = {
    "arguana": "8ad3e3c2a5867cdced806d6503f29b99",
    "fiqa": "17918ed23cd04fb15047f73e6c3bd9d9",
    "nfcorpus": "a89dba18a62ef92f7d323ec890a0d38d",
    "scidocs": "38121350fc3a4d2f48850f6aff52e4a9",
    "scifact": "5f7d1de60b170fc8027bb7898e2efca1",
}
_HOME = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"
_PIECE_BYTES = 1 << 20
_SPLITS = ("test", "dev", "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusDocument:
    """One document of a data set; the title may be empty."""

    id: str
    title: str
    text: str

    @property
    def markdown(self) -> str:
        return f"# {self.title}\n\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Documents, questions, and which documents are relevant to which question."""

    name: str
    split: str
    documents: Sequence[CorpusDocument]
    questions: Mapping[str, str]
    """Id to text, in the order of the file: those that have a relevant document."""
    relevant: Mapping[str, Mapping[str, int]]
    """SpanQuestion id to document id to grade; 1 and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanQuestion:
    """A question with its gold spans, any of which is a right answer."""

    id: str
    text: str
    gold: Sequence[str]


def read_dataset(folder: Path, *, split: str | None = None) -> Dataset:
    """Raises `InvalidInput`; without a split it is test, else dev, else train, whichever is there first.

    Judgements of grade 0 and less say that a document is not relevant: nobody finds it here.
    """
    name = split or _first_split(folder)
    relevant = _read_judgements(folder / "qrels" / f"{name}.tsv")
    texts = read_texts(folder)
    unknown = sorted(set(relevant) - set(texts))
    if unknown:
        raise InvalidInput(f"{folder}: the judgements name questions that do not exist, such as {unknown[0]}.")
    questions = {question: text for question, text in texts.items() if question in relevant}
    return Dataset(
        name=folder.resolve().name,
        split=name,
        documents=read_corpus(folder),
        questions=questions,
        relevant=relevant,
    )


def read_corpus(folder: Path) -> list[CorpusDocument]:
    """Raises `InvalidInput` where the folder has no corpus; a document without any text is left out."""
    rows = _read_lines(folder / "corpus.jsonl")
    documents = [
        CorpusDocument(id=str(row["_id"]), title=str(row.get("title") or "").strip(), text=str(row["text"]))
        for row in rows
    ]
    return [document for document in documents if document.text.strip() or document.title]


def read_texts(folder: Path) -> dict[str, str]:
    """Every question, judged or not: id to text, in the order of the file. Raises `InvalidInput`."""
    return {str(row["_id"]): str(row["text"]) for row in _read_lines(folder / "queries.jsonl")}


def read_answers(folder: Path) -> list[SpanQuestion]:
    """Questions with SQuAD's gold spans, from `answers.json`: question id to spans. Raises `InvalidInput`."""
    try:
        gold: dict[str, list[str]] = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{folder} is no data set with answers: {error}") from error
    rows = _read_lines(folder / "queries.jsonl")
    return [SpanQuestion(id=row["_id"], text=row["text"], gold=gold[row["_id"]]) for row in rows if row["_id"] in gold]


def find_dataset(name_or_folder: str, *, cache: Path, home: str = _HOME, known: Mapping[str, str] = NAMED) -> Path:
    """The folder itself, or the folder of a named data set, downloaded into `cache` where it is not there yet.

    Raises `InvalidInput` for a name that is not known, `Unavailable` where there is no network. Not for an event loop.
    """
    folder = Path(name_or_folder)
    if folder.is_dir():
        return folder
    if name_or_folder not in known:
        names = ", ".join(sorted(known))
        raise InvalidInput(f"{name_or_folder} is no folder, and no data set with a name; those are {names}.")
    kept = cache / name_or_folder
    if not kept.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        _fetch(name_or_folder, f"{home}/{name_or_folder}.zip", cache, md5=known[name_or_folder])
    return kept


def _first_split(folder: Path) -> str:
    found = next((split for split in _SPLITS if (folder / "qrels" / f"{split}.tsv").is_file()), None)
    if found is None:
        raise InvalidInput(f"{folder} is no data set in BEIR's form: it has no qrels/test.tsv.")
    return found


def _read_judgements(path: Path) -> dict[str, dict[str, int]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    relevant: dict[str, dict[str, int]] = {}
    # The first line names the columns.
    for number, line in enumerate(lines[1:], start=2):
        try:
            question, document, grade = line.split("\t")
            if int(grade) > 0:
                relevant.setdefault(question, {})[document] = int(grade)
        except ValueError:
            raise InvalidInput(f"{path}, line {number}: not a question, a document and a grade with tabs.") from None
    return relevant


def _read_lines(path: Path) -> list[dict[str, Any]]:
    try:
        # Not splitlines(): it also cuts at marks that JSON leaves inside its strings.
        lines = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line.strip()]
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON lines: {error}") from error


def _fetch(name: str, url: str, cache: Path, *, md5: str) -> None:
    archive = cache / f"{name}.zip"
    try:
        found = asyncio.run(_download(url, archive))
        if found != md5:
            raise BadResponse(f"{url} is not the data set that was published: its md5 is {found}.")
        _unpack(archive, name, cache)
    finally:
        archive.unlink(missing_ok=True)


async def _download(url: str, target: Path) -> str:
    """Its md5."""
    digest = hashlib.md5(usedforsecurity=False)
    with translated_errors("home of the data sets"), target.open("wb") as file:
        async with aiohttp.ClientSession(trust_env=True) as session, session.get(url) as response:
            await require_success("home of the data sets", response)
            async for piece in response.content.iter_chunked(_PIECE_BYTES):
                digest.update(piece)
                file.write(piece)
    return digest.hexdigest()


def _unpack(archive: Path, name: str, cache: Path) -> None:
    """Under its name only when it is whole."""
    draft = cache / f"{name}.draft"
    with zipfile.ZipFile(archive) as members:
        members.extractall(draft)
    (draft / name).rename(cache / name)
    draft.rmdir()
