"""Knative's pod autoscaler (KPA), proven against the real Go code."""
