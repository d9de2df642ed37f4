"""The long-running worker: claims entries of the inbox and answers probes."""
