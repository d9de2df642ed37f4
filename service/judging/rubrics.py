"""Rubrics: prompts whose front matter lists the possible verdicts."""

from collections.abc import Sequence
from pathlib import Path

from rag.errors import Misconfigured
from service.prompting.base import PromptTemplate
from service.prompting.folder import FolderPrompts

PACKAGED = Path(__file__).parents[1] / "rubrics"
POINTWISE = ("faithfulness", "relevance", "completeness")
"""Rubrics for one answer."""
PAIRWISE = "preference"
"""The rubric for the comparison of two answers."""

_ONE = frozenset({"question", "passages", "answer"})
_TWO = frozenset({"question", "passages", "first", "second"})
_VARIABLES = dict.fromkeys(POINTWISE, _ONE) | {PAIRWISE: _TWO}


async def load_rubric(name: str, version: str = "") -> PromptTemplate:
    """Load a version of a rubric, by default the newest. Raises `Misconfigured` without the rubric or its verdicts."""
    if name not in _VARIABLES:
        raise Misconfigured(f"There is no rubric {name!r}. Choose one of {', '.join(_VARIABLES)}.")
    versions = await FolderPrompts(PACKAGED, _VARIABLES).load(name)
    newest = max(versions, key=lambda known: (len(known), known))  # v10 comes after v9.
    rubric = versions.get(version or newest)
    if rubric is None:
        raise Misconfigured(f"The rubric {name} has no version {version!r}. Choose one of {', '.join(versions)}.")
    if not rubric.verdicts:
        raise Misconfigured(f"The rubric {rubric.version} has no verdicts. Add them to its front matter.")
    return rubric


async def load_rubrics(names: Sequence[str] = POINTWISE) -> list[PromptTemplate]:
    """Load rubrics by `name` or `name/version`."""
    return [await load_rubric(*name.split("/", 1)) for name in names]
