"""What the commands read from disk and leave there; hostile until read."""
