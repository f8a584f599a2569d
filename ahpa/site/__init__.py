"""The page of the service: read-only, made on the server, with the same views as JSON behind it."""
