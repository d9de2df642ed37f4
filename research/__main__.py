"""`python -m research`: runs one study and prints its tables."""

import sys

try:
    from research.program import main
except ModuleNotFoundError as error:
    sys.exit(f"research: {error.name} is not installed. `make setup-dev` installs it.")

if __name__ == "__main__":
    sys.exit(main())
