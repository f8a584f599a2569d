"""The Kubernetes API: kinds of targets, the starts of their pods, Events."""
