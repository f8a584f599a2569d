"""`ahpa check`: would the service work in this cluster? Rights, versions, fences, Prometheus; it only asks."""
