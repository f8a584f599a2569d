"""Pure models of the reactive autoscalers and of the world they act in."""
