//go:build tools

// Package tools pins kubectl, which comes from the same module.
package main

import _ "k8s.io/kubernetes/cmd/kubectl"
