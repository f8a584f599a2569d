"""The edges: one room for each outside system, ignorant of one another."""
