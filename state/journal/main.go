// Command journal keeps the state of stacks in the files of a folder, for one run of the engine on this machine.
//
//	journal FOLDER
//	journal FOLDER COPY
//
// With COPY, a folder that is empty, it puts the state there as it is now, for the engine's own file backend, and ends. Else
// it listens on a free port of loopback, prints `http://127.0.0.1:PORT` on the first line and serves until SIGTERM. Then
// it says in a line of JSON how often and how much it wrote. Clients show the token in JOURNAL_TOKEN.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"kubeflow-on-pulumi.local/state/journal/internal/api"
	"kubeflow-on-pulumi.local/state/journal/internal/store"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	token := os.Getenv("JOURNAL_TOKEN")
	copies := len(os.Args) == 3
	if !copies && (len(os.Args) != 2 || token == "") {
		return errors.New("usage: JOURNAL_TOKEN=… journal FOLDER, or journal FOLDER COPY")
	}
	state, err := store.Open(os.Args[1])
	if err != nil {
		return err
	}
	if copies {
		return state.Copy(os.Args[2])
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server := &http.Server{Handler: api.New(state, token)}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(state.Written())
}
