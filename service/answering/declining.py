"""The text of a declined answer."""

from collections.abc import Sequence

from rag.languages import detect_language
from rag.types import ScoredChunk
from service.quoting.questions import read_question

NOTHING_NEAR = "Nothing near enough to this question was found in the documents."
NO_DOCUMENTS = (
    "There are no documents yet. Upload some to `/v1/documents`, or ingest them with `python -m ingest run` and the "
    "`--tenant` of your key."
)
_NEAREST = "The nearest passages are listed as sources."
_NAMES = {
    "ar": "Arabic",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hu": "Hungarian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "zh": "Chinese",
}


def explain_decline(question: str, hits: Sequence[ScoredChunk], *, has_documents: bool) -> str:
    """Return why there is no answer. It never says that the documents are silent, because a search cannot know that."""
    if not hits:
        return NOTHING_NEAR if has_documents else NO_DOCUMENTS
    asked, language = read_question(question), detect_language(question)
    languages = {hit.chunk.language for hit in hits}
    if asked.is_literal and not any(asked.has_codes_in(hit.chunk.passage) for hit in hits):
        return f"No passage that was found contains “{' '.join(asked.codes)}”. {_NEAREST}"
    if asked.is_section and not any(asked.has_section_in(hit.chunk) for hit in hits):
        return f"No passage that was found begins with the number {asked.section}. {_NEAREST}"
    if language in _NAMES and languages <= set(_NAMES) and language not in languages:
        names = " and ".join(sorted(_NAMES[other] for other in languages))
        return (
            f"Nothing near enough was found, but the question is in {_NAMES[language]} and the nearest documents are "
            f"in {names}. Ask in their language, or use an embedder for several languages. {_NEAREST}"
        )
    return f"{NOTHING_NEAR} {_NEAREST}"
