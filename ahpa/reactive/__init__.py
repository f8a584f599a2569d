"""The reactive autoscalers that people have, exact to the replica and pure."""
