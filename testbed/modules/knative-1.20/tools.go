//go:build tools

// Package tools pins Knative Serving. The two config packages carry YAML that serving's own module only
// has as symbolic links, which module zips drop.
package tools

import (
	_ "knative.dev/caching/config"
	_ "knative.dev/networking/config"
	_ "knative.dev/serving/cmd/autoscaler"
	_ "knative.dev/serving/cmd/controller"
	_ "knative.dev/serving/cmd/webhook"
)
