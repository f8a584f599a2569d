//go:build tools

// Package tools pins the etcd server; testbed/build.py builds the dependency's own main package.
package tools

import _ "go.etcd.io/etcd/server/v3"
