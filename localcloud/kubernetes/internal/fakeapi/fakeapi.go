// Package fakeapi is a small API server for tests: it stores objects, sends watches, and can be told to refuse or to act as a controller.
//
// An apply merges maps and replaces everything else, which is enough to see what was sent; conflicts and removals by field ownership
// are left to the real API server.
package fakeapi

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Object is a Kubernetes object as JSON has it.
type Object = map[string]any

// Server is the API server.
type Server struct {
	*httptest.Server

	mutex    sync.Mutex
	version  int
	oldest   int               // version from which on a watch can be taken up
	objects  map[string]Object // by path
	told     map[string]bool   // paths whose deletion was in the answer to the request, and so is no event after it
	watchers map[chan event]string
	requests []string
	refusals []Refusal
	kinds    map[string][]Kind // by group version
	reacts   func(verb, path string, object Object) (after func())
}

// Kind is a kind that the server serves.
type Kind struct {
	Name, Resource string
	Cluster        bool // it has no namespace
}

// Refusal answers requests whose verb and path contain the text, so often.
type Refusal struct {
	Text    string
	Code    int
	Reason  string
	Message string
	Times   int
}

type event struct {
	kind   string
	object Object
}

var expired = event{"ERROR", Object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}}

// Start serves until the test ends. Namespace default is there.
func Start(t *testing.T) *Server {
	t.Helper()
	server := &Server{objects: map[string]Object{}, told: map[string]bool{}, watchers: map[chan event]string{}, kinds: map[string][]Kind{
		"v1":                      {{"Namespace", "namespaces", true}, {"ConfigMap", "configmaps", false}, {"Secret", "secrets", false}, {"Pod", "pods", false}, {"Service", "services", false}},
		"apps/v1":                 {{"Deployment", "deployments", false}},
		"apiextensions.k8s.io/v1": {{"CustomResourceDefinition", "customresourcedefinitions", true}},
	}}
	server.Server = httptest.NewServer(server)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	server.Put("/api/v1/namespaces/default", Object{"apiVersion": "v1", "kind": "Namespace", "metadata": Object{"name": "default"}})
	return server
}

// Kubeconfig writes a kubeconfig of the server and gives its path.
func (s *Server) Kubeconfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],`+
		`"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}]}`, s.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Serve adds a kind.
func (s *Server) Serve(groupVersion string, kind Kind) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.kinds[groupVersion] = append(s.kinds[groupVersion], kind)
}

// Refuse answers the next matching requests with an error.
func (s *Server) Refuse(refusal Refusal) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.refusals = append(s.refusals, refusal)
}

// React calls back after every write, with the object as it was stored; what it gives back runs once the answer is on its way.
func (s *Server) React(reacts func(verb, path string, object Object) (after func())) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.reacts = reacts
}

// Requests lists what was asked, as "VERB path?query", discovery left out.
func (s *Server) Requests(containing string) []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var found []string
	for _, request := range s.requests {
		if strings.Contains(request, containing) {
			found = append(found, request)
		}
	}
	return found
}

// Object gives a stored object, or nil.
func (s *Server) Object(path string) Object {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.objects[path]
}

// Put stores an object and tells the watchers.
func (s *Server) Put(path string, object Object) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.store(path, object)
}

// Remove ends an object and tells the watchers.
func (s *Server) Remove(path string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if object := s.objects[path]; object != nil {
		delete(s.objects, path)
		s.version++
		s.tell("DELETED", path, object)
	}
}

// Expire ends all watches, and those from a version before it, as a server does that was started anew.
func (s *Server) Expire() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.version++
	s.oldest = s.version
	for watcher := range s.watchers {
		watcher <- expired
	}
}

// Watchers counts the open watches.
func (s *Server) Watchers() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.watchers)
}

func (s *Server) store(path string, object Object) Object {
	object = clone(object)
	kind := "MODIFIED"
	metadata := object["metadata"].(Object)
	if s.objects[path] == nil {
		kind = "ADDED"
		metadata["uid"] = fmt.Sprintf("uid-%d", s.version)
	}
	s.version++
	metadata["resourceVersion"] = fmt.Sprint(s.version)
	s.objects[path] = object
	s.tell(kind, path, object)
	return object
}

func (s *Server) tell(kind, path string, object Object) {
	for watcher, watched := range s.watchers {
		if watched == path {
			watcher <- event{kind, clone(object)}
		}
	}
}

func clone(object Object) Object {
	text, _ := json.Marshal(object)
	var copied Object
	_ = json.Unmarshal(text, &copied)
	return copied
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api" || r.URL.Path == "/apis" {
		s.discovery(w, r.URL.Path)
		return
	}
	body, _ := io.ReadAll(r.Body)
	s.mutex.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	for index := range s.refusals {
		refusal := &s.refusals[index]
		if refusal.Times > 0 && strings.Contains(r.Method+" "+r.URL.Path, refusal.Text) {
			refusal.Times--
			s.mutex.Unlock()
			fail(w, refusal.Code, refusal.Reason, refusal.Message)
			return
		}
	}
	if r.URL.Query().Get("watch") == "true" {
		s.watch(w, r) // gives the lock back
		return
	}
	defer s.mutex.Unlock()
	s.answer(w, r, body)
}

func (s *Server) discovery(w http.ResponseWriter, root string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.requests = append(s.requests, "DISCOVER "+root)
	items := []any{}
	for groupVersion, kinds := range s.kinds {
		group, version, named := strings.Cut(groupVersion, "/")
		if !named {
			group, version = "", group
		}
		if named != (root == "/apis") {
			continue
		}
		resources := []any{}
		for _, kind := range kinds {
			scope := "Namespaced"
			if kind.Cluster {
				scope = "Cluster"
			}
			resources = append(resources, Object{"resource": kind.Resource, "scope": scope, "responseKind": Object{"group": "", "version": "", "kind": kind.Name}})
		}
		items = append(items, Object{"metadata": Object{"name": group}, "versions": []any{Object{"version": version, "resources": resources}}})
	}
	write(w, http.StatusOK, Object{"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items})
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path + "/" + strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	events := make(chan event, 100)
	s.watchers[events] = path
	// What happened since the version asked for is sent at once.
	if version, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion")); version < s.oldest {
		events <- expired
	} else if object := s.objects[path]; object != nil && object["metadata"].(Object)["resourceVersion"] != r.URL.Query().Get("resourceVersion") {
		events <- event{"MODIFIED", clone(object)}
	} else if object == nil && !s.told[path] {
		events <- event{"DELETED", Object{"metadata": Object{}}}
	}
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		delete(s.watchers, events)
		s.mutex.Unlock()
	}()
	w.WriteHeader(http.StatusOK)
	for {
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case next := <-events:
			text, _ := json.Marshal(Object{"type": next.kind, "object": asked(r, next.object)})
			if _, err := w.Write(text); err != nil || next.kind == "ERROR" {
				return
			}
		}
	}
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	path := r.URL.Path
	var sent Object
	_ = json.Unmarshal(body, &sent)
	metadata, _ := sent["metadata"].(Object)
	old := s.objects[path]
	switch r.Method {
	case http.MethodPost:
		name, _ := metadata["name"].(string)
		path += "/" + name
		namespace, _ := metadata["namespace"].(string)
		if namespace != "" && s.objects["/api/v1/namespaces/"+namespace] == nil {
			fail(w, http.StatusNotFound, "NotFound", fmt.Sprintf("namespaces %q not found", namespace))
			return
		}
		if s.objects[path] != nil {
			fail(w, http.StatusConflict, "AlreadyExists", fmt.Sprintf("%q already exists", name))
			return
		}
		write(w, http.StatusCreated, asked(r, s.wrote("POST", path, s.store(path, sent))))
	case http.MethodPatch:
		if r.Header.Get("Content-Type") == "application/json-patch+json" {
			write(w, http.StatusOK, asked(r, old))
			return
		}
		write(w, http.StatusOK, asked(r, s.wrote("APPLY", path, s.store(path, merged(old, sent)))))
	default:
		if selector := r.URL.Query().Get("fieldSelector"); selector != "" {
			items := []any{}
			if object := s.objects[path+"/"+strings.TrimPrefix(selector, "metadata.name=")]; object != nil {
				items = append(items, asked(r, object))
			}
			write(w, http.StatusOK, Object{"kind": "List", "apiVersion": "v1", "metadata": Object{"resourceVersion": fmt.Sprint(s.version)}, "items": items})
			return
		}
		if old == nil {
			fail(w, http.StatusNotFound, "NotFound", "not found")
			return
		}
		switch r.Method {
		case http.MethodGet:
			write(w, http.StatusOK, asked(r, old))
		case http.MethodPut:
			write(w, http.StatusOK, asked(r, s.wrote("PUT", path, s.store(path, sent))))
		case http.MethodDelete:
			if finalizers, _ := old["metadata"].(Object)["finalizers"].([]any); len(finalizers) == 0 {
				delete(s.objects, path)
				s.tell("DELETED", path, old)
				if old["kind"] == "Service" { // as real servers answer for Services and ServiceAccounts
					s.told[path] = true
					write(w, http.StatusOK, asked(r, old))
					return
				}
				write(w, http.StatusOK, Object{"kind": "Status", "apiVersion": "v1", "status": "Success"})
				return
			}
			old["metadata"].(Object)["deletionTimestamp"] = "2026-01-01T00:00:00Z"
			write(w, http.StatusOK, asked(r, s.wrote("DELETE", path, s.store(path, old))))
		}
	}
}

func (s *Server) wrote(verb, path string, object Object) Object {
	if s.reacts != nil {
		if after := s.reacts(verb, path, clone(object)); after != nil {
			go after()
		}
	}
	return clone(object)
}

// asked is the object, or its identity alone where the client wants no more.
func asked(r *http.Request, object Object) Object {
	if object["kind"] == "Status" || !strings.HasPrefix(r.Header.Get("Accept"), "application/json;as=PartialObjectMetadata") {
		return object
	}
	return Object{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]}
}

func merged(old, sent Object) Object {
	result := maps.Clone(old)
	if result == nil {
		result = Object{}
	}
	for name, value := range sent {
		inner, isMap := value.(Object)
		was, wasMap := result[name].(Object)
		if isMap && wasMap {
			value = merged(was, inner)
		}
		result[name] = value
	}
	return result
}

func write(w http.ResponseWriter, code int, object Object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

func fail(w http.ResponseWriter, code int, reason, message string) {
	write(w, code, Object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
}
