"""The exact autoscalers beside a simulated service, fast: ticks that change nothing are passed over."""
