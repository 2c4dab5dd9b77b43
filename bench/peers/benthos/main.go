// Command benthos runs the Benthos engine on the standard workload of bench/: the peer that the product is measured
// against. What the engine brings is used as it is (configuration, pipeline, Bloblang, HTTP); what it leaves to plugins,
// Kafka and Avro, is in the other files.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"

	"github.com/redpanda-data/benthos/v4/public/service"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
)

// Idle connections that the HTTP client may keep to one host. The engine has no setting for it: without this variable
// it is Go's default of 2, and most requests of a wide pipeline make a connection of their own.
const idleVariable = "BENCH_IDLE_CONNECTIONS"

func main() {
	if err := keepIdle(os.Getenv(idleVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	service.RunCLI(context.Background())
}

// The engine's client takes Go's default transport at the moment at which it is made, so a change before that reaches
// it without a change of the engine.
func keepIdle(wanted string) error {
	if wanted == "" {
		return nil
	}
	count, err := strconv.Atoi(wanted)
	if err != nil {
		return fmt.Errorf("%s: %w", idleVariable, err)
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return fmt.Errorf("%s: Go's default transport is a %T", idleVariable, http.DefaultTransport)
	}
	transport.MaxIdleConns = count
	transport.MaxIdleConnsPerHost = count
	return nil
}
