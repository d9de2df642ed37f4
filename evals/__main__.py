"""`python -m evals`: measures retrieval, answers, judges, and the programs at work."""

import sys

try:
    from evals.program import main
except ModuleNotFoundError as error:
    sys.exit(f"evals: {error.name} is not installed. `make setup-dev` installs what evaluations need.")

if __name__ == "__main__":
    sys.exit(main())
