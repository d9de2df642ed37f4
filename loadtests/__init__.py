"""Load tests of a running service. They see it from outside only and import nothing of it."""
