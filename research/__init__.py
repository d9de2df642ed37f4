"""Studies that back one architecture decision each. Each runs once, and no gate depends on it."""
