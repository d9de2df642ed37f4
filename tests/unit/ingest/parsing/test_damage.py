"""Truncated, corrupted and mislabelled documents."""

import zlib
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import InvalidInput
from rag.formats import MediaType
from tests.support.formats.documents import parse_document
from tests.support.formats.samples import SAMPLES

# The tests of each format run nearly all of these lines, and coverage would treble the time.
pytestmark = pytest.mark.no_cover

_OFFICE = [media_type for media_type in SAMPLES if "openxmlformats" in media_type]

byte_flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=6)


@pytest.mark.parametrize("media_type", SAMPLES)
def test_the_undamaged_sample_is_parsed(media_type):
    assert parse_document(SAMPLES[media_type], media_type).sections


def damaged(body: bytes, kept_share: float, flips: list[tuple[float, int]]) -> bytes:
    changed = bytearray(body[: max(1, int(len(body) * kept_share))])
    for place, mask in flips:
        changed[int(place * len(changed))] ^= mask
    return bytes(changed)


def require_document_or_reason(body: bytes, media_type: MediaType) -> None:
    try:
        document = parse_document(body, media_type, name="a.py")
    except InvalidInput as error:
        reason = str(error)
        assert reason.strip()
        assert "\n" not in reason
        assert len(reason) < 300
    else:
        assert all(section.text.strip() for section in document.sections)


@pytest.mark.parametrize("media_type", SAMPLES)
@given(kept_share=st.just(1.0) | st.floats(0, 1), flips=byte_flips)
@settings(max_examples=60, deadline=20_000)
def test_a_damaged_document_is_parsed_or_rejected_with_a_one_line_reason(media_type, kept_share, flips):
    require_document_or_reason(damaged(SAMPLES[media_type], kept_share, flips), media_type)


@pytest.mark.parametrize("media_type", _OFFICE)
@given(data=st.data(), flips=byte_flips)
@settings(max_examples=60, deadline=20_000)
def test_an_office_file_with_damaged_parts_is_parsed_or_rejected_with_a_one_line_reason(media_type, data, flips):
    """The checksums are valid, as if a faulty program had written the file."""
    written = BytesIO()
    with ZipFile(BytesIO(SAMPLES[media_type])) as archive, ZipFile(written, "w", ZIP_DEFLATED) as copy:
        chosen = data.draw(st.sampled_from(archive.namelist()))
        for name in archive.namelist():
            body = archive.read(name)
            copy.writestr(
                name, damaged(body, data.draw(st.just(1.0) | st.floats(0, 1)), flips) if name == chosen else body
            )
    require_document_or_reason(written.getvalue(), media_type)


@pytest.mark.parametrize("declared", SAMPLES)
@pytest.mark.parametrize("media_type", SAMPLES)
def test_a_document_with_the_wrong_media_type_is_parsed_or_rejected_with_a_one_line_reason(media_type, declared):
    require_document_or_reason(SAMPLES[media_type], declared)


@pytest.mark.parametrize("media_type", SAMPLES)
@given(body=st.binary(min_size=1, max_size=200) | st.binary(min_size=1, max_size=200).map(zlib.compress))
@settings(max_examples=40, deadline=20_000)
def test_random_bytes_are_parsed_or_rejected_with_a_one_line_reason(media_type, body):
    require_document_or_reason(body, media_type)
