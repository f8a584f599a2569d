"""Kubernetes' horizontal pod autoscaler (HPA), proven against the real Go code."""
