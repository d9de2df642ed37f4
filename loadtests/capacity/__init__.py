"""The capacity plan: replicas, nodes, GPUs and cost for users and chunks."""
