// Command journal keeps the state of stacks in the files of a folder, for one run of the engine on this machine.
//
//	journal serve FOLDER
//
// listens on a free port of loopback, prints `http://127.0.0.1:PORT` on the first line and serves until SIGTERM. Then
// it says in a line of JSON how often and how much it wrote. Clients show the token in JOURNAL_TOKEN.
//
//	journal copy FOLDER COPY PROJECT STACK
//
// puts the state as it is now into an empty folder, for the engine's own file backend. It fails where that of the stack
// cannot be read; of others it says so on standard error.
//
//	journal check FOLDER PROJECT STACK
//	journal recover FOLDER PROJECT STACK
//
// fail where a stack's files are damaged or do not belong together, and put them in order; what that took is a line of
// JSON.
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
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// Each command takes its folder and so many arguments after it.
var arguments = map[string]int{"serve": 0, "copy": 3, "check": 2, "recover": 2}

func run(given []string) error {
	if len(given) < 2 {
		return errors.New("usage: journal serve|copy|check|recover FOLDER …")
	}
	command, folder, rest := given[0], given[1], given[2:]
	if wanted, known := arguments[command]; !known || wanted != len(rest) {
		return fmt.Errorf("journal %s FOLDER does not take %d more arguments", command, len(rest))
	}
	state, err := store.Open(folder)
	if err != nil {
		return err
	}
	switch command {
	case "copy":
		left, err := state.Copy(rest[0], store.Stack{Project: rest[1], Name: rest[2]})
		for _, one := range left {
			fmt.Fprintln(os.Stderr, "Not looked at:", one)
		}
		return err
	case "check":
		return state.Check(store.Stack{Project: rest[0], Name: rest[1]})
	case "recover":
		done, err := state.Recover(store.Stack{Project: rest[0], Name: rest[1]})
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(done))
	}
	return serve(state, os.Getenv("JOURNAL_TOKEN"))
}

func serve(state *store.Store, token string) error {
	if token == "" {
		return errors.New("JOURNAL_TOKEN is not set")
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
