"""The measure of ten thousand: the real `ahpa serve` beside a protocol-true API server and a Prometheus."""
