"""What people see of the running service in a browser."""
