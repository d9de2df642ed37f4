"""The way of documents into the collection: fetch, parse, embed, write and publish."""
