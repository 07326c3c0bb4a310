// Command pulumi-resource-kubernetes stands in for the official plugin of the Pulumi package `kubernetes` where that cannot be had.
//
// It serves the provider protocol on a free port of 127.0.0.1, prints the port as its first line, and runs until SIGTERM or SIGINT.
// An engine finds it through PULUMI_DEBUG_PROVIDERS=kubernetes:PORT.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"kubeflow/localcloud/kubernetes/internal/provider"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("no port is available on 127.0.0.1: %w", err)
	}
	server := provider.NewServer(ctx)
	context.AfterFunc(ctx, func() {
		// The waits end with the context; an engine that keeps its connection open is not waited for.
		time.AfterFunc(2*time.Second, server.Stop)
		server.GracefulStop()
	})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}
