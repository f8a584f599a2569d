"""One module per outside system; the only places that open sockets and files."""
