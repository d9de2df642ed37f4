"""Documents from the web: single pages, sitemaps and crawls."""
