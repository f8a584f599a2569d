"""Small Go programs that answer scripts with what Knative's and Kubernetes' own autoscalers say."""
