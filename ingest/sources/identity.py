"""The id of a document that comes with a URI."""

from typing import Final
from uuid import UUID, uuid5

from rag.types import DocumentId

# Never change it: every id in every collection hangs on it.
_NAMESPACE: Final = UUID("6b0c3a52-8f0e-5d6c-9a51-2f6a7c1f4e10")


def document_id_of(uri: str) -> DocumentId:
    """The same id for the same URI, always and everywhere."""
    return DocumentId(str(uuid5(_NAMESPACE, uri)))
