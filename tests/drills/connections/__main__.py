"""`python -m tests.drills.connections`: break the connections to a Qdrant server, and measure what searches see.

Without TEST_QDRANT_URL, a stand-in answers. With it, the real server without TLS that TEST_QDRANT_URL,
TEST_QDRANT_GRPC_PORT and TEST_QDRANT_API_KEY name. Its connections break in a proxy, so the server itself goes on.
"""

import argparse
import asyncio
import sys

from rag.errors import GroundworkError
from tests.drills.connections.measures import a_server, measure_outage, measure_replacement, measure_silence
from tests.support.servers.qdrant_server import URL

_MOST_AFTER_OUTAGE = 5.0
_MOST_SILENCE = 30.0


def main() -> int:
    try:
        return asyncio.run(_measure(_parse_arguments()))
    except GroundworkError as error:
        sys.stderr.write(f"{error.describe()}\nCheck TEST_QDRANT_URL, TEST_QDRANT_GRPC_PORT and TEST_QDRANT_API_KEY.\n")
        return 2


async def _measure(given: argparse.Namespace) -> int:
    where = "the real server" if URL else "the stand-in"
    async with a_server() as settings:
        found = await measure_replacement(settings, seconds=given.replacement_seconds)
        silence = await measure_silence(settings)
        outage = await measure_outage(settings, seconds=given.outage_seconds)
    rows = [
        (f"searches that found nothing, of {found.searches}", found.found_nothing, 0),
        ("seconds on a silent connection", round(silence, 1), _MOST_SILENCE),
        (f"seconds after an outage of {given.outage_seconds:g} s", round(outage, 1), _MOST_AFTER_OUTAGE),
    ]
    sys.stdout.write(f"On {where}, {found.versions} versions of a document:\n")
    sys.stdout.writelines(f"  {name:<45} {value:>6}  (at most {most:g})\n" for name, value, most in rows)
    return int(any(value > most for _, value, most in rows))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.drills.connections",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--outage-seconds", type=float, default=150, help="duration of the outage (%(default)s)")
    parser.add_argument(
        "--replacement-seconds", type=float, default=60, help="duration of the replacements (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
