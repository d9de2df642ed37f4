"""Take documents in: fetch, parse, embed, write and publish."""
