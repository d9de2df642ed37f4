"""Start `python -m loadtests.capacity`."""

import sys

from loadtests.capacity.table import main

sys.exit(main())
