"""Measurements that check the capacity plan: queueing model and GPU roofline."""
