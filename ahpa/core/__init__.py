"""What a decision is made of and how it is made: pure, without clock, I/O or logging."""
