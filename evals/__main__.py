"""`python -m evals`: measures retrieval, answers, judges and the performance of the programs."""

import sys

try:
    from evals.program import main
except ModuleNotFoundError as error:
    sys.exit(f"evals: {error.name} is not installed. `make setup-dev` installs it.")

if __name__ == "__main__":
    sys.exit(main())
