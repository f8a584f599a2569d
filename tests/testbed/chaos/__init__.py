"""An hour in which everything that ahpa depends on is killed or frozen in turn, and its leader each minute."""
