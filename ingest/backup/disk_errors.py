"""What an operator can do about a disk error of a backup or a restore."""

import errno
import os


def advice_for(error: OSError) -> str:
    """Return a sentence that says what to do."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "Free disk space there, or name a folder on another disk."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            user = os.getuid()
            return f"Name a folder that user {user} may write. In a container, mount a volume that belongs to {user}."
        case _:
            return "Name a folder on another disk."
