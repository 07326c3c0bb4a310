package admission

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
)

// Service is a Service that a call is for.
type Service struct{ Namespace, Name string }

func (s Service) String() string { return s.Namespace + "/" + s.Name }

// Host is the name that kube-apiserver expects in the backend's certificate.
func (s Service) Host() string { return s.Name + "." + s.Namespace + ".svc" }

// Directory knows the Services of the cluster.
type Directory interface {
	// Find gives the Service with this name of the form NAME.NAMESPACE.svc, or with this cluster IP.
	Find(host string) (Service, bool)
	// Synced tells whether all that is watched was read once.
	Synced() bool
	// Ready tells whether a ready endpoint stands behind the Service.
	Ready(ctx context.Context, service Service) bool
}

// Proxy answers the CONNECT requests of kube-apiserver's egress selector, and whoever asks whether it is ready.
type Proxy struct {
	directory Directory
	authority *authority.Authority
	record    *Record
	log       *slog.Logger
	tunnels   chan net.Conn
	closed    chan struct{}
}

const (
	handshakeTimeout = 10 * time.Second
	largestBody      = 16 << 20 // bytes; kube-apiserver itself takes objects of 3 MiB
)

// NewProxy makes a proxy; Serve runs it.
func NewProxy(directory Directory, ca *authority.Authority, record *Record, log *slog.Logger) *Proxy {
	return &Proxy{directory: directory, authority: ca, record: record, log: log,
		tunnels: make(chan net.Conn), closed: make(chan struct{})}
}

// Listen opens the Unix socket, in place of one that an earlier process left behind.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

// Serve answers until the context ends.
func (p *Proxy) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           http.HandlerFunc(p.handle),
		ReadHeaderTimeout: handshakeTimeout,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if tunnel, ok := conn.(*tls.Conn).NetConn().(*tunnel); ok {
				return context.WithValue(ctx, serviceKey{}, tunnel.service)
			}
			return ctx
		},
	}
	go func() {
		<-ctx.Done()
		close(p.closed)
		_ = listener.Close()
		_ = server.Close()
	}()
	go func() { _ = server.Serve(tunnels{p, listener.Addr()}) }()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("the egress socket cannot be read: %w", err)
		}
		go p.connect(ctx, conn)
	}
}

// connect reads one CONNECT and makes of the connection what it asks for.
func (p *Proxy) connect(ctx context.Context, conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	reader := bufio.NewReader(conn)
	request, err := http.ReadRequest(reader)
	switch {
	case err == nil && request.Method == http.MethodGet && request.URL.Path == "/readyz":
		p.health(conn)
		return
	case err != nil || request.Method != http.MethodConnect:
		p.say(conn, http.StatusBadRequest, "only CONNECT is served here")
		return
	}
	host, _, err := net.SplitHostPort(request.Host)
	if err != nil {
		p.say(conn, http.StatusBadRequest, "CONNECT without a host and a port")
		return
	}
	service, found := p.directory.Find(host)
	if !found {
		// Fake nodes have no network of their own: what answers for them (a kubelet's logs) is on loopback.
		if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
			p.pass(conn, reader, request.Host)
			return
		}
		p.refuse(conn, request.Host, "no Service has this address")
		return
	}
	if !p.directory.Ready(ctx, service) {
		p.refuse(conn, service.String(), noEndpoint)
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection Established\r\n\r\n"); err != nil {
		_ = conn.Close()
		return
	}
	secured := tls.Server(&tunnel{Conn: conn, reader: reader, service: service}, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return p.authority.Server(service.Host())
		},
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		p.add(Call{Service: service.String(), Reason: "TLS: " + err.Error()})
		_ = conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	select {
	case p.tunnels <- secured:
	case <-p.closed:
		_ = conn.Close()
	}
}

// health says whether the Services are known by which calls find their backends. Calls are answered before, as well as
// can be: what is watched may need a conversion to be read.
func (p *Proxy) health(conn net.Conn) {
	if p.directory.Synced() {
		p.say(conn, http.StatusOK, "ok")
		return
	}
	p.say(conn, http.StatusServiceUnavailable, "the caches are not filled yet")
}

const noEndpoint = "the Service has no ready endpoint"

// handle answers a call inside a tunnel. A tunnel outlives the call it was opened for, so the
// backend may have gone since: it is asked after each time.
func (p *Proxy) handle(writer http.ResponseWriter, request *http.Request) {
	service, _ := request.Context().Value(serviceKey{}).(Service)
	body, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, largestBody))
	var reply answer
	switch {
	case err != nil:
		reply = refuse(http.StatusBadRequest, "the body cannot be read: %v", err)
	case !p.directory.Ready(request.Context(), service):
		reply = refuse(http.StatusServiceUnavailable, noEndpoint)
		writer.Header().Set("Connection", "close")
	default:
		reply = respond(request.Method, request.URL.Path, body)
	}
	call := reply.call
	call.Service, call.Path, call.Status = service.String(), request.URL.Path, reply.status
	text, err := json.Marshal(reply.body)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusInternalServerError)
		return
	}
	if request.Method != http.MethodGet { // the aggregator asks for discovery all the time
		p.add(call)
	}
	writer.Header().Set("Content-Type", "application/json")
	writer.Header().Set("Content-Length", strconv.Itoa(len(text)))
	writer.WriteHeader(reply.status)
	_, _ = writer.Write(text)
}

func (p *Proxy) refuse(conn net.Conn, target, reason string) {
	p.add(Call{Service: target, Status: http.StatusServiceUnavailable, Reason: reason})
	p.say(conn, http.StatusServiceUnavailable, reason)
}

func (p *Proxy) add(call Call) {
	if err := p.record.Add(call); err != nil {
		p.log.Error("a call could not be recorded", "error", err)
	}
}

func (p *Proxy) say(conn net.Conn, status int, reason string) {
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(
		conn,
		"HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(reason), reason,
	)
}

// pass joins the connection to an address on loopback.
func (p *Proxy) pass(conn net.Conn, reader io.Reader, address string) {
	defer func() { _ = conn.Close() }()
	far, err := net.DialTimeout("tcp", address, handshakeTimeout)
	if err != nil {
		p.say(conn, http.StatusBadGateway, err.Error())
		return
	}
	defer func() { _ = far.Close() }()
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection Established\r\n\r\n"); err != nil {
		return
	}
	_ = conn.SetDeadline(time.Time{})
	ended := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(far, reader); ended <- struct{}{} }()
	go func() { _, _ = io.Copy(conn, far); ended <- struct{}{} }()
	<-ended
}

type serviceKey struct{}

// tunnel is a connection whose first bytes may already wait in the reader.
type tunnel struct {
	net.Conn
	reader  *bufio.Reader
	service Service
}

func (t *tunnel) Read(into []byte) (int, error) { return t.reader.Read(into) }

// tunnels lets an http.Server accept the tunnels as its connections.
type tunnels struct {
	proxy   *Proxy
	address net.Addr
}

func (t tunnels) Accept() (net.Conn, error) {
	select {
	case conn := <-t.proxy.tunnels:
		return conn, nil
	case <-t.proxy.closed:
		return nil, net.ErrClosed
	}
}

func (t tunnels) Close() error   { return nil }
func (t tunnels) Addr() net.Addr { return t.address }
