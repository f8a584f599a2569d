"""Fakes behind the same ports as the real things, in memory."""
