"""A service in a simulated cluster: requests, queues, replicas that start slowly, a reactive scaler, a floor."""
