"""The Grafana dashboards as data, from which `python -m dashboards` writes config/dashboards/*.json.

Grafana's own JSON says everything many times; here each panel is said once, and all look alike.
"""
