"""What each way to scale would have done to a service's past: contenders, sweeps, verdicts. Pure."""
