"""`python -m tests.drills.connections`: break the connections to a Qdrant server, and measure what searches see."""

import argparse
import asyncio
import os
import sys

from tests.drills.connections.measures import a_server, measure_outage, measure_replacement, measure_silence

_MOST_AFTER_OUTAGE = 5.0
_MOST_SILENCE = 30.0


def main() -> int:
    return asyncio.run(_measure(_parse_arguments()))


async def _measure(given: argparse.Namespace) -> int:
    where = given.url or "the stand-in"
    async with a_server(given.url, given.grpc_port, os.environ.get("TEST_QDRANT_API_KEY")) as settings:
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
    parser = argparse.ArgumentParser(prog="python -m tests.drills.connections", description=__doc__)
    parser.add_argument(
        "--url",
        default=os.environ.get("TEST_QDRANT_URL"),
        help="URL of a real server without TLS (TEST_QDRANT_URL; default: a stand-in)",
    )
    grpc_port = int(os.environ.get("TEST_QDRANT_GRPC_PORT", "6334"))
    parser.add_argument("--grpc-port", type=int, default=grpc_port, help="its gRPC port (TEST_QDRANT_GRPC_PORT)")
    parser.add_argument("--outage-seconds", type=float, default=150, help="duration of the outage (%(default)s)")
    parser.add_argument(
        "--replacement-seconds", type=float, default=60, help="duration of the replacements (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
