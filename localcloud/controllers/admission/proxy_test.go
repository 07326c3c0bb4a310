package admission_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
	"kubeflow-on-pulumi.local/localcloud/controllers/authority/authoritytest"
)

type directory struct{ ready atomic.Bool }

func (d *directory) Find(host string) (admission.Service, bool) {
	return admission.Service{Namespace: "team", Name: "hook"}, host == "172.20.0.9" || host == "hook.team.svc"
}

func (d *directory) Synced() bool { return d.ready.Load() }

func (d *directory) Ready(context.Context, admission.Service) bool { return d.ready.Load() }

type plane struct {
	directory *directory
	authority *authority.Authority
	socket    string
	calls     string
}

func start(t *testing.T) plane {
	t.Helper()
	folder := t.TempDir()
	made := plane{&directory{}, authoritytest.New(t), filepath.Join(folder, "s"), filepath.Join(folder, "calls")}
	record, err := admission.OpenRecord(made.calls)
	if err != nil {
		t.Fatal(err)
	}
	// A socket that a killed process left behind must not stand in the way.
	if err := os.WriteFile(made.socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := admission.Listen(made.socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		proxy := admission.NewProxy(made.directory, made.authority, record, slog.New(slog.DiscardHandler))
		ended <- proxy.Serve(ctx, listener)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = record.Close()
	})
	return made
}

func TestItIsReadyOnceAllThatIsWatchedWasRead(t *testing.T) {
	made := start(t)
	client := &http.Client{Transport: &http.Transport{Dial: func(string, string) (net.Conn, error) {
		return net.Dial("unix", made.socket)
	}}}
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusOK} {
		made.directory.ready.Store(want == http.StatusOK)
		response, err := client.Get("http://egress/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("want %d, got %s", want, response.Status)
		}
	}
}

// client calls as kube-apiserver does: CONNECT over the socket, TLS inside.
func (p plane) client(t *testing.T, bundle []byte) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		conn, err := net.Dial("unix", p.socket)
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", address); err != nil {
			return nil, err
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return nil, err
		}
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("the proxy answered %d", response.StatusCode)
		}
		secured := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "hook.team.svc"})
		return secured, secured.HandshakeContext(ctx)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (p plane) recorded(t *testing.T) []admission.Call {
	t.Helper()
	text, err := os.ReadFile(p.calls)
	if err != nil {
		t.Fatal(err)
	}
	var calls []admission.Call
	for line := range bytes.Lines(text) {
		var call admission.Call
		if err := json.Unmarshal(line, &call); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
	return calls
}

const askedReview = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","name":"a",
	"operation":"CREATE","kind":{"version":"v1","kind":"ConfigMap"}}}`

func TestABackendWithoutEndpointsIsRefusedUntilItHasOne(t *testing.T) {
	p := start(t)
	client := p.client(t, p.authority.Bundle())
	ask := func() (*http.Response, error) {
		return client.Post("https://172.20.0.9:443/validate", "application/json", strings.NewReader(askedReview))
	}
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "503") {
		t.Fatalf("want a refusal with 503, got %v", err)
	}
	p.directory.ready.Store(true)
	response, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || !strings.Contains(string(text), `"allowed":true`) {
		t.Errorf("%d %s", response.StatusCode, text)
	}
	// The connection is kept; the backend goes all the same.
	p.directory.ready.Store(false)
	response, err = ask()
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a backend that went answered %d", response.StatusCode)
	}
	calls := p.recorded(t)
	if len(calls) != 3 || calls[0].Status != 503 || calls[1].Kind != "ConfigMap" || calls[1].Path != "/validate" ||
		!*calls[1].Allowed || calls[2].Status != 503 || calls[2].Reason == "" || calls[0].Service != "team/hook" {
		t.Errorf("recorded %+v", calls)
	}
}

func TestAForeignBundleFailsInTLS(t *testing.T) {
	p := start(t)
	p.directory.ready.Store(true)
	client := p.client(t, authoritytest.New(t).Bundle())
	_, err := client.Post("https://hook.team.svc:443/", "application/json", strings.NewReader(askedReview))
	if err == nil {
		t.Fatal("trusted an authority that the caller does not know")
	}
	// The caller gives up before the proxy has heard of it.
	calls := p.recorded(t)
	for waited := time.Duration(0); len(calls) == 0 && waited < 5*time.Second; waited += 10 * time.Millisecond {
		time.Sleep(10 * time.Millisecond)
		calls = p.recorded(t)
	}
	if len(calls) != 1 || !strings.HasPrefix(calls[0].Reason, "TLS: ") {
		t.Errorf("recorded %+v", calls)
	}
}

func TestAnUnknownAddressIsRefused(t *testing.T) {
	p := start(t)
	client := p.client(t, p.authority.Bundle())
	if _, err := client.Get("https://10.9.9.9:443/"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Fatalf("want a refusal with 503, got %v", err)
	}
	if calls := p.recorded(t); len(calls) != 1 || calls[0].Service != "10.9.9.9:443" {
		t.Errorf("recorded %+v", calls)
	}
}
