"""From the objects of other predictive autoscalers to ours. Pure: objects in, objects and words out."""
