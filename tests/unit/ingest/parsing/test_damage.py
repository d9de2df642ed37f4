"""Documents that were cut off or written over, as disks, networks and enemies do it."""

import zlib
from io import BytesIO
from typing import get_args
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import InvalidInput
from rag.types import MediaType
from tests.support.documents import parsed
from tests.support.samples import SAMPLES

_OFFICE = [media_type for media_type in SAMPLES if "openxmlformats" in media_type]

flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=6)


def test_there_is_a_sample_of_every_media_type():
    assert set(SAMPLES) == set(get_args(MediaType))
    for media_type, body in SAMPLES.items():
        assert parsed(body, media_type).sections


def damaged(body: bytes, kept: float, places: list[tuple[float, int]]) -> bytes:
    changed = bytearray(body[: max(1, int(len(body) * kept))])
    for place, mask in places:
        changed[int(place * len(changed))] ^= mask
    return bytes(changed)


def require_document_or_reason(body: bytes, media_type: MediaType) -> None:
    try:
        document = parsed(body, media_type, name="a.py")
    except InvalidInput as error:
        reason = str(error)
        assert reason.strip()
        assert "\n" not in reason
        assert len(reason) < 300
    else:
        assert all(section.text.strip() for section in document.sections)


@pytest.mark.parametrize("media_type", SAMPLES)
@given(kept=st.just(1.0) | st.floats(0, 1), places=flips)
@settings(max_examples=60, deadline=20_000)
def test_a_damaged_document_is_read_or_refused_with_a_line(media_type, kept, places):
    require_document_or_reason(damaged(SAMPLES[media_type], kept, places), media_type)


@pytest.mark.parametrize("media_type", _OFFICE)
@given(data=st.data(), places=flips)
@settings(max_examples=60, deadline=20_000)
def test_damage_within_the_parts_of_an_office_file_is_read_or_refused_with_a_line(media_type, data, places):
    """The checksums fit, as where a broken program has written the file."""
    written = BytesIO()
    with ZipFile(BytesIO(SAMPLES[media_type])) as archive, ZipFile(written, "w", ZIP_DEFLATED) as copy:
        chosen = data.draw(st.sampled_from(archive.namelist()))
        for name in archive.namelist():
            body = archive.read(name)
            copy.writestr(
                name, damaged(body, data.draw(st.just(1.0) | st.floats(0, 1)), places) if name == chosen else body
            )
    require_document_or_reason(written.getvalue(), media_type)


@pytest.mark.parametrize("declared", SAMPLES)
@pytest.mark.parametrize("media_type", SAMPLES)
def test_a_document_under_a_wrong_name_is_read_or_refused_with_a_line(media_type, declared):
    require_document_or_reason(SAMPLES[media_type], declared)


@pytest.mark.parametrize("media_type", SAMPLES)
@given(body=st.binary(min_size=1, max_size=200) | st.binary(min_size=1, max_size=200).map(zlib.compress))
@settings(max_examples=40, deadline=20_000)
def test_noise_is_read_or_refused_with_a_line(media_type, body):
    require_document_or_reason(body, media_type)
