"""One module per way of showing a result."""
