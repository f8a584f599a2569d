"""What the process says of itself: metrics, log lines on stderr, and the ports where both can be asked for."""
