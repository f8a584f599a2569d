"""Rolling-origin scoring of the fleet model and its peers on real traces; see README.md here."""
