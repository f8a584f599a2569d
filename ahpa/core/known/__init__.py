"""What people know of a service beforehand: bounds in time and planned events, and when each of them holds."""
