"""Derive the id of a document from its URI."""

from typing import Final
from uuid import UUID, uuid5

from rag.types import DocumentId

# Never change it: every stored document would get another id and be ingested a second time.
_NAMESPACE: Final = UUID("6b0c3a52-8f0e-5d6c-9a51-2f6a7c1f4e10")


def document_id_of(uri: str) -> DocumentId:
    """Return the id of the document at `uri`, the same on every machine."""
    return DocumentId(str(uuid5(_NAMESPACE, uri)))
