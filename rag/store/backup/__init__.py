"""What is published, as files of a backup, and back again: first beside what serves, then in its place.

The files are whatever the store itself reads: an embedded collection's revision, a Qdrant server's snapshot.
"""
