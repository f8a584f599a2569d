"""Demand from Prometheus, by the operator's list of queries."""
