"""History that is kept, not read again: a `DemandSource` that answers from memory what is held and settled."""
