package api

import (
	"net/http"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"kubeflow-on-pulumi.local/state/journal/internal/store"
)

// lease is how long the engine may go without saying that it is alive. The claim on a stack does not depend on it.
const lease = time.Hour

// running is an update that the engine has announced, and begun unless it is a preview.
type running struct {
	*store.Update
	info apitype.UpdateInfo
	// One end at a time: the engine sends what it got no answer to again.
	ending sync.Mutex
	ended  bool
}

func (s *server) plan(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request apitype.UpdateProgramRequest
		if !decoded(w, r, &request) {
			return
		}
		id := s.next()
		s.mutex.Lock()
		s.updates[id] = &running{info: apitype.UpdateInfo{
			Kind: apitype.UpdateKind(kind), StartTime: time.Now().Unix(), Config: request.Config,
			Message: request.Metadata.Message, Environment: request.Metadata.Environment,
		}}
		s.mutex.Unlock()
		answer(w, apitype.UpdateProgramResponse{UpdateID: id})
	}
}

// start begins an update; a preview changes nothing and claims nothing. What it is was announced: the engine starts all
// kinds under the path of an update.
func (s *server) start(w http.ResponseWriter, r *http.Request) {
	update, known := s.update(r)
	if !known {
		fail(w, http.StatusNotFound, "this update was not announced")
		return
	}
	if update.info.Kind != apitype.PreviewUpdate {
		begun, err := s.store.Begin(stackOf(r))
		if failed(w, err) {
			return
		}
		update.Update = begun
	}
	answer(w, apitype.StartUpdateResponse{
		Version: 1, Token: s.token, TokenExpiration: expiration(), JournalVersion: journalVersion,
	})
}

func (s *server) renew(w http.ResponseWriter, _ *http.Request) {
	answer(w, apitype.RenewUpdateLeaseResponse{Token: s.token, TokenExpiration: expiration()})
}

func (s *server) journal(w http.ResponseWriter, r *http.Request) {
	var request apitype.JournalEntries
	update, found := s.update(r)
	if !found || update.Update == nil {
		fail(w, http.StatusNotFound, "this update is not running")
		return
	}
	if decoded(w, r, &request) && !failed(w, update.Append(request.Entries)) {
		w.WriteHeader(http.StatusNoContent)
	}
}

// complete ends an update. One whose end failed stays known: the engine asks again, and any other answer than the first
// would be success to it. What is not known has ended.
func (s *server) complete(w http.ResponseWriter, r *http.Request) {
	var request apitype.CompleteUpdateRequest
	if !decoded(w, r, &request) {
		return
	}
	if update, found := s.update(r); found {
		if update.Update != nil && failed(w, s.end(stackOf(r), update, request.Status)) {
			return
		}
		s.mutex.Lock()
		delete(s.updates, r.PathValue("update"))
		s.mutex.Unlock()
	}
	w.WriteHeader(http.StatusNoContent)
}

// end merges the journal of an update, and tells the history of it.
func (s *server) end(stack store.Stack, update *running, status apitype.UpdateStatus) error {
	update.ending.Lock()
	defer update.ending.Unlock()
	if update.ended {
		return nil
	}
	if err := update.Complete(); err != nil {
		return err
	}
	update.info.EndTime = time.Now().Unix()
	update.info.Result = apitype.FailedResult
	if status == apitype.UpdateStatusSucceeded {
		update.info.Result = apitype.SucceededResult
	}
	err := s.store.Record(stack, update.info)
	update.ended = err == nil
	return err
}

func (s *server) update(r *http.Request) (*running, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	update, found := s.updates[r.PathValue("update")]
	return update, found
}

func expiration() int64 { return time.Now().Add(lease).Unix() }
