"""Studies that back one architecture decision each. They run once and gate nothing."""
