"""Predictive autoscaling for GPU and other slow-starting services on Kubernetes."""

__version__ = "0.1.0"
