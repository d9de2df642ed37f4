"""The long-running worker: ingests the entries of the inbox and serves its own metrics."""
