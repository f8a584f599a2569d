"""Work outside this thread: pools of threads and processes, fits with a deadline."""
