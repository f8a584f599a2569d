"""Our model: one ensemble of small networks for the whole fleet."""
