"""Whether questions and answers are still of the kind that the collection was made for (docs/adr/0028)."""
