"""The registry of document formats agrees with the parser table, the samples and the guide."""

from pathlib import Path
from typing import get_args

from ingest.parsing.factory import PARSERS
from rag.formats import FORMATS, IMAGE_MEDIA_TYPES, MediaType, media_type_of
from tests.support.formats.samples import SAMPLES

_GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "ingest.md"


def test_every_format_of_the_registry_has_a_parser_and_a_sample():
    registered = {known.media_type for known in FORMATS}

    assert registered == set(get_args(MediaType))
    assert registered == PARSERS.keys()
    # Only a parser service reads images.
    assert registered == SAMPLES.keys() | set(IMAGE_MEDIA_TYPES)


def test_the_ingest_guide_lists_the_formats_of_the_registry():
    *names, last = (known.name for known in FORMATS)

    assert f"{', '.join(names)} and {last}." in " ".join(_GUIDE.read_text().split())


def test_no_two_formats_share_a_suffix_or_a_content_type():
    suffixes = [suffix for known in FORMATS for suffix in known.suffixes]
    content_types = [name for known in FORMATS for name in (known.media_type, *known.content_types)]

    assert len(set(suffixes)) == len(suffixes)
    assert len(set(content_types)) == len(content_types)


def test_suffixes_and_content_types_give_the_media_type_of_their_format():
    for known in FORMATS:
        assert {media_type_of(f"name{suffix}") for suffix in known.suffixes} <= {known.media_type}
        assert {media_type_of("name", content_type) for content_type in known.content_types} <= {known.media_type}
