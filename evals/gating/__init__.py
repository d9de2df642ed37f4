"""What a change must not make worse."""
