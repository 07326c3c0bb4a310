package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"kubeflow-on-pulumi.local/state/journal/internal/store"
)

const token = "secret"

type client struct {
	t       *testing.T
	root    string
	handler http.Handler
}

func started(t *testing.T) client {
	t.Helper()
	root := t.TempDir()
	state, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	c := client{t, root, New(state, token)}
	request := apitype.CreateStackRequest{StackName: "local"}
	c.call("POST", "/api/stacks/organization/kubeflow", request, http.StatusOK, nil)
	return c
}

// call sends content as the engine does, compressed, and reads the answer into the last argument.
func (c client) call(method, path string, content any, want int, into any) {
	c.t.Helper()
	var body bytes.Buffer
	packed := gzip.NewWriter(&body)
	if err := json.NewEncoder(packed).Encode(content); err != nil {
		c.t.Fatal(err)
	}
	_ = packed.Close()
	request := httptest.NewRequest(method, path, &body)
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("Authorization", "token "+token)
	answer := httptest.NewRecorder()
	c.handler.ServeHTTP(answer, request)
	if answer.Code != want {
		c.t.Fatalf("%s %s: %d %s, want %d", method, path, answer.Code, answer.Body, want)
	}
	if into != nil {
		if err := json.Unmarshal(answer.Body.Bytes(), into); err != nil {
			c.t.Fatal(err)
		}
	}
}

var succeeded = apitype.CompleteUpdateRequest{Status: apitype.UpdateStatusSucceeded}

const stack = "/api/stacks/organization/kubeflow/local"

// announced makes an update known, and returns the path under which the engine starts it, whatever its kind.
func (c client) announced(kind string) string {
	c.t.Helper()
	var response apitype.UpdateProgramResponse
	c.call("POST", stack+"/"+kind, apitype.UpdateProgramRequest{}, http.StatusOK, &response)
	return stack + "/update/" + response.UpdateID
}

func (c client) resources() int {
	c.t.Helper()
	var state apitype.TypedDeployment
	c.call("GET", stack+"/export", nil, http.StatusOK, &state)
	if state.Deployment == nil {
		return 0
	}
	return len(state.Deployment.Resources)
}

func TestAnUpdateFromItsAnnouncementToItsHistory(t *testing.T) {
	c := started(t)
	update := c.announced("update")
	var begun apitype.StartUpdateResponse
	c.call("POST", update, apitype.StartUpdateRequest{JournalVersion: 1}, http.StatusOK, &begun)
	if begun.JournalVersion != 1 || begun.Token == "" {
		t.Fatalf("the engine would not use the journal: %+v", begun)
	}
	step := apitype.JournalEntry{
		Version: 1, Kind: apitype.JournalEntryKindSuccess, OperationID: 1,
		State: &apitype.ResourceV3{URN: "urn:pulumi:local::kubeflow::test:index:Thing::a", Custom: true},
	}
	entries := apitype.JournalEntries{Entries: []apitype.JournalEntry{step}}
	c.call("PATCH", update+"/journalentries", entries, http.StatusNoContent, nil)
	if c.resources() != 1 {
		t.Error("a reader does not see the step of a running update")
	}
	c.call("POST", update+"/complete", succeeded, http.StatusNoContent, nil)
	if c.resources() != 1 {
		t.Error("the step is lost")
	}
	var past apitype.GetHistoryResponse
	c.call("GET", stack+"/updates?pageSize=1&page=1", nil, http.StatusOK, &past)
	if len(past.Updates) != 1 || past.Updates[0].Result != apitype.SucceededResult {
		t.Errorf("history: %+v", past)
	}
}

func TestAnEndThatFailedIsNoSuccessWhenItIsAskedForAgain(t *testing.T) {
	c := started(t)
	update := c.announced("update")
	c.call("POST", update, apitype.StartUpdateRequest{}, http.StatusOK, nil)
	entries := apitype.JournalEntries{Entries: []apitype.JournalEntry{{
		Version: 1, Kind: apitype.JournalEntryKindSuccess, SequenceID: 1, OperationID: 1,
		State: &apitype.ResourceV3{URN: "urn:pulumi:local::kubeflow::test:index:Thing::a", Custom: true},
	}}}
	c.call("PATCH", update+"/journalentries", entries, http.StatusNoContent, nil)
	inTheWay := filepath.Join(c.root, ".pulumi", "stacks", "kubeflow", "local.json.new")
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c.call("POST", update+"/complete", succeeded, http.StatusInternalServerError, nil)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c.call("POST", update+"/complete", succeeded, http.StatusNoContent, nil)
	}
	if c.resources() != 1 {
		t.Error("the step is lost")
	}
	var past apitype.GetHistoryResponse
	c.call("GET", stack+"/updates", nil, http.StatusOK, &past)
	if len(past.Updates) != 1 {
		t.Errorf("history: %+v", past)
	}
}

func TestASecondUpdateIsRefusedAndAPreviewIsNot(t *testing.T) {
	c := started(t)
	c.call("POST", c.announced("update"), apitype.StartUpdateRequest{}, http.StatusOK, nil)
	c.call("POST", c.announced("destroy"), apitype.StartUpdateRequest{}, http.StatusConflict, nil)
	c.call("POST", c.announced("preview"), apitype.StartUpdateRequest{}, http.StatusOK, nil)
}

func TestWhatPlainPulumiHoldsIsRefusedInItsWords(t *testing.T) {
	c := started(t)
	lock := filepath.Join(c.root, ".pulumi", "locks", "organization", "kubeflow", "local", "4f7a.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(lock), 0o700), os.WriteFile(lock, []byte("{}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	var said apitype.ErrorResponse
	c.call("POST", c.announced("update"), apitype.StartUpdateRequest{}, http.StatusConflict, &said)
	if !strings.Contains(said.Message, "`pulumi cancel --stack local`") {
		t.Errorf("said %q", said.Message)
	}
	c.call("POST", c.announced("preview"), apitype.StartUpdateRequest{}, http.StatusOK, nil)
}

func TestAPreviewClaimsNothingAndIsNoHistory(t *testing.T) {
	c := started(t)
	preview := c.announced("preview")
	c.call("POST", preview, apitype.StartUpdateRequest{}, http.StatusOK, nil)
	c.call("POST", c.announced("update"), apitype.StartUpdateRequest{}, http.StatusOK, nil)
	c.call("POST", preview+"/complete", succeeded, http.StatusNoContent, nil)
	var past apitype.GetHistoryResponse
	c.call("GET", stack+"/updates", nil, http.StatusOK, &past)
	if len(past.Updates) != 0 {
		t.Errorf("history: %+v", past)
	}
}

func TestNobodyWithoutTheTokenReadsTheState(t *testing.T) {
	c := started(t)
	request := httptest.NewRequest("GET", stack+"/export", nil)
	answer := httptest.NewRecorder()
	c.handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusUnauthorized {
		t.Errorf("%d", answer.Code)
	}
}

func TestAnImportIsOverWhenItIsAnswered(t *testing.T) {
	c := started(t)
	state := apitype.TypedDeployment{Version: 3, Deployment: &apitype.DeploymentV3{
		Resources: []apitype.ResourceV3{{URN: "urn:pulumi:local::kubeflow::test:index:Thing::a"}},
	}}
	var begun apitype.ImportStackResponse
	c.call("POST", stack+"/import", state, http.StatusOK, &begun)
	var outcome apitype.UpdateResults
	c.call("GET", stack+"/update/"+begun.UpdateID, nil, http.StatusOK, &outcome)
	if outcome.Status != apitype.StatusSucceeded || outcome.ContinuationToken != nil {
		t.Errorf("the engine would go on waiting: %+v", outcome)
	}
	if c.resources() != 1 {
		t.Error("the import is lost")
	}
}

func TestAStackWithResourcesIsNotRemovedUnasked(t *testing.T) {
	c := started(t)
	state := apitype.TypedDeployment{Version: 3, Deployment: &apitype.DeploymentV3{
		Resources: []apitype.ResourceV3{{URN: "urn:pulumi:local::kubeflow::test:index:Thing::a"}},
	}}
	c.call("POST", stack+"/import", state, http.StatusOK, nil)
	c.call("DELETE", stack, nil, http.StatusBadRequest, nil)
	c.call("DELETE", stack+"?force=true", nil, http.StatusNoContent, nil)
	c.call("GET", stack, nil, http.StatusNotFound, nil)
}
