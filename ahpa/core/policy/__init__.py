"""What the owner asks for: values, the table of parameters, the rules between them."""
