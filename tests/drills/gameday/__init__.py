"""A game day: everything is broken once, unattended, and what the alerts and runbooks make of it is written down."""
