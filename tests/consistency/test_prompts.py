"""A version that was released stays what it was: answers, metrics and calibrations name it."""

from service.prompting.folder import PACKAGED, FolderPrompts

RELEASED = {
    "answer/v1": "79bfb96f3d10",
    "answer/v2": "d62ce309b986",
    "rewrite/v1": "020b54173aeb",
}


async def test_a_released_prompt_is_not_edited_but_followed_by_another_version():
    found = [await FolderPrompts(PACKAGED).load(folder.name) for folder in sorted(PACKAGED.iterdir())]
    hashes = {str(template.version): template.version.hash for versions in found for template in versions.values()}
    assert hashes == RELEASED, "Leave the released file as it is and add the next version, here too."
