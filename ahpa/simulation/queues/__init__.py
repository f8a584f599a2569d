"""Who waits for how long: a queue for requests that were counted, one for requests one by one."""
