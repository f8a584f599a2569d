"""The survey: a whole cluster backtested, each service with its own annotations, its own scaler and its own starts."""
