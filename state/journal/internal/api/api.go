// Package api is the part of the Pulumi Cloud API that the engine uses to keep state, over a store of files.
package api

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"kubeflow-on-pulumi.local/state/journal/internal/store"
)

// The journal's version that the engine asks for; it writes whole states to a server that offers none.
const journalVersion = 1

type server struct {
	store *store.Store
	token string

	mutex   sync.Mutex
	updates map[string]*running
	count   int
}

// New returns the handler of all requests; whoever sends `token` may do everything.
func New(state *store.Store, token string) http.Handler {
	s := &server{store: state, token: token, updates: map[string]*running{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/user", s.user)
	mux.HandleFunc("GET /api/capabilities", s.capabilities)
	mux.HandleFunc("GET /api/user/organizations/default", s.defaultOrganization)
	mux.HandleFunc("GET /api/user/stacks", s.stacks)
	mux.HandleFunc("HEAD /api/stacks/{owner}/{project}", s.project)
	mux.HandleFunc("POST /api/stacks/{owner}/{project}", s.create)
	const stack = "/api/stacks/{owner}/{project}/{stack}"
	mux.HandleFunc("GET "+stack, s.get)
	mux.HandleFunc("DELETE "+stack, s.remove)
	mux.HandleFunc("PATCH "+stack+"/tags", s.accept)
	mux.HandleFunc("GET "+stack+"/export", s.export)
	mux.HandleFunc("POST "+stack+"/import", s.imported)
	mux.HandleFunc("GET "+stack+"/update/{update}", s.outcome)
	mux.HandleFunc("GET "+stack+"/updates", s.history)
	mux.HandleFunc("POST "+stack+"/decrypt/log-batch-decryption", s.accept)
	mux.HandleFunc("POST "+stack+"/decrypt/log-decryption", s.accept)
	for _, kind := range []string{"update", "preview", "refresh", "destroy"} {
		mux.HandleFunc("POST "+stack+"/"+kind, s.plan(kind))
		update := stack + "/" + kind + "/{update}"
		mux.HandleFunc("POST "+update, s.start)
		mux.HandleFunc("PATCH "+update+"/journalentries", s.journal)
		mux.HandleFunc("POST "+update+"/renew_lease", s.renew)
		mux.HandleFunc("POST "+update+"/events/batch", s.accept)
		mux.HandleFunc("POST "+update+"/complete", s.complete)
	}
	return authorized(mux, token)
}

func authorized(next http.Handler, token string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.Header.Get("Authorization")
		if given != "token "+token && given != "update-token "+token {
			fail(w, http.StatusUnauthorized, "this token is not the one of this server")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) user(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{
		"githubLogin": store.Organization, "name": store.Organization,
		"organizations": []map[string]string{{"githubLogin": store.Organization, "name": store.Organization}},
	})
}

func (s *server) capabilities(w http.ResponseWriter, _ *http.Request) {
	answer(w, apitype.CapabilitiesResponse{})
}

func (s *server) defaultOrganization(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{"GitHubLogin": store.Organization})
}

func (s *server) stacks(w http.ResponseWriter, r *http.Request) {
	known, err := s.store.Stacks()
	if failed(w, err) {
		return
	}
	summaries := []apitype.StackSummary{}
	for _, one := range known {
		if project := r.URL.Query().Get("project"); project == "" || project == one.Project {
			summaries = append(summaries, apitype.StackSummary{
				OrgName: store.Organization, ProjectName: one.Project, StackName: one.Name,
			})
		}
	}
	answer(w, apitype.ListStacksResponse{Stacks: summaries})
}

func (s *server) project(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func (s *server) accept(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	answer(w, struct{}{})
}

func (s *server) create(w http.ResponseWriter, r *http.Request) {
	var request apitype.CreateStackRequest
	if !decoded(w, r, &request) {
		return
	}
	var state *apitype.DeploymentV3
	if request.State != nil && failed(w, json.Unmarshal(request.State.Deployment, &state)) {
		return
	}
	if !failed(w, s.store.Create(store.Stack{Project: r.PathValue("project"), Name: request.StackName}, state)) {
		answer(w, apitype.CreateStackResponse{})
	}
}

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	stack := stackOf(r)
	if failed(w, s.store.Find(stack)) {
		return
	}
	answer(w, apitype.Stack{
		ID: stack.Project + "/" + stack.Name, OrgName: store.Organization,
		ProjectName: stack.Project, StackName: tokens.QName(stack.Name),
		Tags: map[apitype.StackTagName]string{apitype.ProjectNameTag: stack.Project},
	})
}

func (s *server) remove(w http.ResponseWriter, r *http.Request) {
	state, err := s.store.Load(stackOf(r))
	if failed(w, err) {
		return
	}
	if r.URL.Query().Get("force") != "true" && state.Deployment != nil && len(state.Deployment.Resources) > 0 {
		// The engine knows the case by these words.
		fail(w, http.StatusBadRequest, "Bad Request: Stack still contains resources.")
		return
	}
	if !failed(w, s.store.Delete(stackOf(r))) {
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *server) export(w http.ResponseWriter, r *http.Request) {
	state, err := s.store.Export(stackOf(r))
	if failed(w, err) {
		return
	}
	answer(w, state)
}

func (s *server) imported(w http.ResponseWriter, r *http.Request) {
	var state apitype.TypedDeployment
	if decoded(w, r, &state) && !failed(w, s.store.Import(stackOf(r), state)) {
		answer(w, apitype.ImportStackResponse{UpdateID: s.next()})
	}
}

// outcome is asked for after an import, which is over when it is answered.
func (s *server) outcome(w http.ResponseWriter, _ *http.Request) {
	answer(w, apitype.UpdateResults{Status: apitype.StatusSucceeded, Events: []apitype.UpdateEvent{}})
}

func (s *server) history(w http.ResponseWriter, r *http.Request) {
	updates, err := s.store.History(stackOf(r))
	if failed(w, err) {
		return
	}
	query := r.URL.Query()
	size, page := atoi(query.Get("pageSize")), max(atoi(query.Get("page")), 1)
	if size > 0 {
		from := min((page-1)*size, len(updates))
		updates = updates[from:min(from+size, len(updates))]
	}
	answer(w, apitype.GetHistoryResponse{Updates: updates})
}

// atoi is the number in a text, or 0.
func atoi(text string) int {
	number, _ := strconv.Atoi(text)
	return number
}

func stackOf(r *http.Request) store.Stack {
	return store.Stack{Project: r.PathValue("project"), Name: r.PathValue("stack")}
}

func (s *server) next() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.count++
	return fmt.Sprint(s.count)
}

// body is what was sent, decompressed.
func body(r *http.Request) (io.Reader, error) {
	if r.Header.Get("Content-Encoding") == "gzip" {
		return gzip.NewReader(r.Body)
	}
	return r.Body, nil
}

func decoded(w http.ResponseWriter, r *http.Request, into any) bool {
	content, err := body(r)
	if err == nil {
		err = json.NewDecoder(content).Decode(into)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
	}
	return err == nil
}

func answer(w http.ResponseWriter, content any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(content)
}

func failed(w http.ResponseWriter, err error) bool {
	var plain *store.Plain
	switch {
	case err == nil:
		return false
	case errors.Is(err, store.ErrNoStack):
		fail(w, http.StatusNotFound, err.Error())
	case errors.As(err, &plain):
		fail(w, http.StatusConflict, plain.Error())
	case errors.Is(err, store.ErrBusy):
		// The Automation API knows the case by these words.
		fail(w, http.StatusConflict, "Conflict: Another update is currently in progress.")
	case errors.Is(err, fs.ErrExist):
		fail(w, http.StatusConflict, "the stack already exists")
	default:
		fail(w, http.StatusInternalServerError, err.Error())
	}
	return true
}

func fail(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(apitype.ErrorResponse{Code: code, Message: message})
}
