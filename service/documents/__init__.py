"""Documents as clients see them: their state in the store and the inbox, lists of them, and guarded changes."""
