"""A released prompt version never changes, because answers, metrics and calibrations refer to it."""

from service.prompting.folder import PACKAGED, FolderPrompts

RELEASED = {
    "answer/v1": "79bfb96f3d10",
    "answer/v2": "d62ce309b986",
    "follow_up/v1": "201dc3c0404c",
    "grade/v1": "33786549c563",
    "plan/v1": "68453fcac5e1",
    "repair/v1": "ba0b1e4f962c",
    "reword/v1": "7caab42b6b3d",
    "rewrite/v1": "020b54173aeb",
}


async def test_a_released_prompt_is_unchanged():
    found = [await FolderPrompts(PACKAGED).load(folder.name) for folder in sorted(PACKAGED.iterdir())]
    hashes = {str(template.version): template.version.hash for versions in found for template in versions.values()}
    assert hashes == RELEASED, "Do not edit a released prompt. Add a new version, and its hash here."
