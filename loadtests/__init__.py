"""Load on a running service, measured from outside: nothing of it is imported here."""
