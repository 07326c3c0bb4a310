// Command controllers plays, on the local control plane, what its fake nodes cannot run: the
// backends of webhooks, cert-manager, the EBS driver, the Profile controller, metacontroller and, for
// realistic pods, the kubelet's wait for mounts. It runs until SIGTERM and may be restarted at any time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
	"kubeflow-on-pulumi.local/localcloud/controllers/play"
)

type settings struct {
	kubeconfig, egressSocket, caCertificate, caKey, pods, log, calls, python, hook string
	seed                                                                           int64
}

func main() {
	var given settings
	flag.StringVar(&given.kubeconfig, "kubeconfig", "", "`FILE` that leads to the API server, as an administrator")
	flag.StringVar(
		&given.egressSocket, "egress-socket", "",
		"`PATH` of the Unix socket that the API server's egress selector names",
	)
	flag.StringVar(&given.caCertificate, "ca-cert", "", "`FILE` with the local authority's certificate, PEM")
	flag.StringVar(&given.caKey, "ca-key", "", "`FILE` with the local authority's key, PEM")
	flag.StringVar(
		&given.pods, "pods", "instant",
		"instant, or realistic: pods wait for what they mount, then start in 20 to 60 s",
	)
	flag.Int64Var(&given.seed, "seed", 0, "of the start-up times of realistic pods")
	flag.StringVar(&given.log, "log", "", "`FILE` for the log")
	flag.StringVar(&given.calls, "calls", "", "`FILE` for the record of calls to webhooks, a line of JSON each")
	flag.StringVar(&given.python, "python", "", "`FILE` that runs the hook, Python 3.11 or newer")
	flag.StringVar(
		&given.hook, "hook", "",
		"`FILE` with the program that may answer as the hook of a DecoratorController; no other is run",
	)
	flag.Parse()
	if err := run(given); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(given settings) error {
	if given.pods != "instant" && given.pods != "realistic" {
		return fmt.Errorf("--pods is %q; it must be instant or realistic", given.pods)
	}
	for _, required := range []struct{ flag, value string }{
		{"kubeconfig", given.kubeconfig}, {"egress-socket", given.egressSocket}, {"ca-cert", given.caCertificate},
		{"ca-key", given.caKey}, {"log", given.log}, {"calls", given.calls},
		{"python", given.python}, {"hook", given.hook},
	} {
		if required.value == "" {
			return fmt.Errorf("--%s is missing; give it a path", required.flag)
		}
	}
	logFile, err := os.OpenFile(given.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(logFile, nil))
	klog.SetSlogLogger(log)
	ca, err := authority.Load(given.caCertificate, given.caKey)
	if err != nil {
		return err
	}
	record, err := admission.OpenRecord(given.calls)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", given.kubeconfig)
	if err != nil {
		return err
	}
	cluster, err := play.New(config, play.Options{
		Authority: ca, Realistic: given.pods == "realistic", Seed: given.seed, Log: log,
		Hook: play.Hook{Python: given.python, Program: given.hook},
	})
	if err != nil {
		return err
	}
	listener, err := admission.Listen(given.egressSocket)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	played := make(chan struct{})
	go func() { defer close(played); cluster.Run(ctx) }()
	err = admission.NewProxy(cluster, ca, record, log).Serve(ctx, listener)
	stop()
	<-played
	return errors.Join(err, record.Close(), logFile.Close())
}
