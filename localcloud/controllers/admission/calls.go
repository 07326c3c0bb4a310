package admission

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// Call is one line of the record of calls: a call that kube-apiserver made to a Service.
type Call struct {
	Time      time.Time `json:"time"`
	Service   string    `json:"service"` // NAMESPACE/NAME, or the address when no Service has it
	Path      string    `json:"path,omitempty"`
	Group     string    `json:"group,omitempty"`
	Kind      string    `json:"kind,omitempty"` // KIND, or KIND/SUBRESOURCE
	Name      string    `json:"name,omitempty"`
	Namespace string    `json:"namespace,omitempty"`
	Operation string    `json:"operation,omitempty"` // CREATE, UPDATE, DELETE, CONNECT, or CONVERT
	DryRun    bool      `json:"dryRun,omitempty"`
	User      string    `json:"user,omitempty"`
	Status    int       `json:"status"`            // HTTP status; 0 when TLS failed
	Allowed   *bool     `json:"allowed,omitempty"` // absent unless an AdmissionReview was answered
	Reason    string    `json:"reason,omitempty"`  // why it was refused
}

// Record appends calls to a file as lines of JSON. It is safe for concurrent use.
type Record struct {
	mu      sync.Mutex
	file    *os.File
	encoder *json.Encoder
}

// OpenRecord opens the file for appending; a restarted process goes on where the last one stopped.
func OpenRecord(path string) (*Record, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &Record{file: file, encoder: json.NewEncoder(file)}, nil
}

// Add writes one call at once, so that whoever reads the file after an answer finds it.
func (r *Record) Add(call Call) error {
	call.Time = time.Now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.encoder.Encode(call)
}

// Close closes the file.
func (r *Record) Close() error { return r.file.Close() }
