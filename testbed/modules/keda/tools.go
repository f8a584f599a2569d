//go:build tools

// Package tools pins KEDA. The bases package does not exist as Go code: its YAML comes with the module's zip.
package tools

import (
	_ "github.com/kedacore/keda/v2/cmd/adapter"
	_ "github.com/kedacore/keda/v2/cmd/operator"
)
