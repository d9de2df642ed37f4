"""A scorecard of any service that answers questions about documents, measured from outside."""
