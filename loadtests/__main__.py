"""`python -m loadtests`: load on the service, and what it bears."""

import sys

try:
    from loadtests.program import main
except ModuleNotFoundError as error:
    sys.exit(f"loadtests: {error.name} is not installed. `make setup-dev` installs what load tests need.")

if __name__ == "__main__":
    sys.exit(main())
