"""The in-cluster service: observe, learn, act, remember, and the only clock."""
