"""How reliably the drift tests detect a change, and how often they raise a false alarm."""
