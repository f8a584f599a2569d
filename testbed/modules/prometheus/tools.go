//go:build tools

// Package tools pins Prometheus 3.5.3 (long-term support) and promtool.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
