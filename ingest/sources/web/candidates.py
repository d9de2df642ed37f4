"""Links of a page that may lead to a document."""

from mimetypes import MimeTypes

from yarl import URL

from rag.formats import IMAGE_MEDIA_TYPES, media_type_of

# Python's own table, because the tables of operating systems differ.
_MIME_TYPES = MimeTypes()


def may_be_document(url: URL) -> bool:
    """Return False if the suffix alone shows an unsupported format, such as a picture or an archive."""
    content_type, compression = _MIME_TYPES.guess_type(url.path)
    return compression is None and (content_type is None or _is_document(url, content_type))


def _is_document(url: URL, content_type: str) -> bool:
    """Return False for unsupported formats and for pictures, which illustrate the pages that link to them."""
    media_type = media_type_of(url.path, content_type)
    return media_type is not None and media_type not in IMAGE_MEDIA_TYPES
