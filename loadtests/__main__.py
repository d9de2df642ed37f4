"""`python -m loadtests`: runs a load test and reports its result."""

import sys

try:
    from loadtests.program import main
except ModuleNotFoundError as error:
    sys.exit(f"loadtests: {error.name} is not installed. `make setup-dev` installs it.")

if __name__ == "__main__":
    sys.exit(main())
