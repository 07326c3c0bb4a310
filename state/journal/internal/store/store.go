// Package store keeps a stack's state in files: at rest the checkpoint that the engine's own file
// backend writes and reads, during an update a journal beside it that each step appends to. The file
// backend writes the whole state at every step instead, which costs minutes over a thousand objects.
package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/pkg/v3/backend"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// Organization is the one that the file backend puts every stack in.
const Organization = "organization"

// ErrNoStack says that a stack has no state here.
var ErrNoStack = errors.New("there is no such stack")

// ErrBusy says that another process is updating the stack.
var ErrBusy = errors.New("another update of this stack is running")

// Store is the folder of a file backend.
type Store struct {
	root string

	mutex   sync.Mutex
	written Written
}

// Written is how often, and how much, a store has written.
type Written struct {
	Writes int   `json:"writes"`
	Bytes  int64 `json:"bytes"`
}

// Written tells of all writes since the store was opened: steps to journals, and whole states.
func (s *Store) Written() Written {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.written
}

func (s *Store) count(size int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.written.Writes++
	s.written.Bytes += int64(size)
}

// Stack names a stack of a project.
type Stack struct{ Project, Name string }

// Open makes the folder ready for use, by this program and by the engine's file backend.
func Open(root string) (*Store, error) {
	meta := filepath.Join(root, ".pulumi", "meta.yaml")
	if _, err := os.Stat(meta); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(meta), 0o700); err != nil {
			return nil, err
		}
		// Version 1 is the layout with one folder a project.
		if err := replace(meta, []byte("version: 1\n")); err != nil {
			return nil, err
		}
	}
	return &Store{root: root}, nil
}

func (s *Store) checkpoint(stack Stack) string {
	return filepath.Join(s.root, ".pulumi", "stacks", stack.Project, stack.Name+".json")
}

func (s *Store) journal(stack Stack) string {
	return strings.TrimSuffix(s.checkpoint(stack), ".json") + ".journal"
}

// unmerged says whether there is a journal, of an update that runs or was killed.
func (s *Store) unmerged(stack Stack) bool {
	_, err := os.Stat(s.journal(stack))
	return err == nil
}

// Stacks lists all stacks.
func (s *Store) Stacks() ([]Stack, error) {
	files, err := filepath.Glob(filepath.Join(s.root, ".pulumi", "stacks", "*", "*.json"))
	stacks := make([]Stack, 0, len(files))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		stacks = append(stacks, Stack{Project: filepath.Base(filepath.Dir(file)), Name: name})
	}
	return stacks, err
}

// Create makes a stack with the given state, or an empty one; fs.ErrExist if it is there.
func (s *Store) Create(stack Stack, state *apitype.DeploymentV3) error {
	if _, err := os.Stat(s.checkpoint(stack)); err == nil {
		return fs.ErrExist
	}
	if err := os.MkdirAll(filepath.Dir(s.checkpoint(stack)), 0o700); err != nil {
		return err
	}
	return s.write(stack, apitype.TypedDeployment{Version: apitype.DeploymentSchemaVersionCurrent, Deployment: state})
}

// Delete forgets a stack.
func (s *Store) Delete(stack Stack) error {
	if err := os.Remove(s.journal(stack)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Remove(s.checkpoint(stack))
}

// Find says whether a stack is here; ErrNoStack if not.
func (s *Store) Find(stack Stack) error {
	_, err := os.Stat(s.checkpoint(stack))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoStack
	}
	return err
}

// Load returns a stack's state, with what the journal of a killed update holds.
func (s *Store) Load(stack Stack) (apitype.TypedDeployment, error) {
	raw, err := s.raw(stack)
	if err != nil {
		return apitype.TypedDeployment{}, err
	}
	var checkpoint checkpointV3[*apitype.DeploymentV3]
	versioned, err := s.parse(stack, raw, &checkpoint)
	if err != nil {
		return apitype.TypedDeployment{}, err
	}
	state := apitype.TypedDeployment{
		Version: versioned.Version, Features: versioned.Features, Deployment: checkpoint.Latest,
	}
	journal, err := os.ReadFile(s.journal(stack))
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	} else if err != nil {
		return apitype.TypedDeployment{}, err
	}
	return replay(state, digest(raw), journal)
}

// Export returns what Load does, as JSON. At rest that is what the file holds: to take its resources apart and put
// them together again would cost a fifth of a second for each of the three times that the engine asks.
func (s *Store) Export(stack Stack) (apitype.UntypedDeployment, error) {
	if s.unmerged(stack) {
		state, err := s.Load(stack)
		if err != nil {
			return apitype.UntypedDeployment{}, err
		}
		content, err := json.Marshal(state.Deployment)
		return apitype.UntypedDeployment{Version: state.Version, Features: state.Features, Deployment: content}, err
	}
	raw, err := s.raw(stack)
	if err != nil {
		return apitype.UntypedDeployment{}, err
	}
	var checkpoint checkpointV3[json.RawMessage]
	versioned, err := s.parse(stack, raw, &checkpoint)
	return apitype.UntypedDeployment{
		Version: versioned.Version, Features: versioned.Features, Deployment: checkpoint.Latest,
	}, err
}

// Copy puts every stack into a folder that is empty, with what the journal of a killed or running update holds.
func (s *Store) Copy(root string) error {
	stacks, err := s.Stacks()
	if err != nil {
		return err
	}
	copied, err := Open(root)
	if err != nil {
		return err
	}
	for _, stack := range stacks {
		if err := s.copyTo(copied, stack); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) copyTo(copied *Store, stack Stack) error {
	if err := os.MkdirAll(filepath.Dir(copied.checkpoint(stack)), 0o700); err != nil {
		return err
	}
	if s.unmerged(stack) {
		state, err := s.Load(stack)
		if err != nil {
			return err
		}
		return copied.write(stack, state)
	}
	raw, err := s.raw(stack)
	if err != nil {
		return err
	}
	if _, err := s.parse(stack, raw, &checkpointV3[json.RawMessage]{}); err != nil {
		return err
	}
	return replace(copied.checkpoint(stack), raw)
}

// Import replaces a stack's state.
func (s *Store) Import(stack Stack, state apitype.TypedDeployment) error {
	update, err := s.Begin(stack)
	if err != nil {
		return err
	}
	if err := s.write(stack, state); err != nil {
		return errors.Join(err, update.release())
	}
	return update.release()
}

// Begin starts an update. What a killed update left behind becomes part of the state first. ErrBusy if
// another process is updating the stack: the kernel ends that claim with the process, however it ends.
func (s *Store) Begin(stack Stack) (*Update, error) {
	if err := s.Find(stack); err != nil {
		return nil, err
	}
	lock, err := claim(strings.TrimSuffix(s.checkpoint(stack), ".json") + ".lock")
	if err != nil {
		return nil, err
	}
	update := &Update{store: s, stack: stack, lock: lock}
	if err := update.open(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return update, nil
}

// checkpointV3 is apitype.CheckpointV3 with its state read as far as wanted.
type checkpointV3[State any] struct {
	Latest State `json:"latest,omitempty"`
}

func (s *Store) raw(stack Stack) ([]byte, error) {
	raw, err := os.ReadFile(s.checkpoint(stack))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoStack
	}
	return raw, err
}

func (s *Store) parse(stack Stack, raw []byte, into any) (apitype.VersionedCheckpoint, error) {
	var versioned apitype.VersionedCheckpoint
	err := json.Unmarshal(raw, &versioned)
	if err == nil {
		err = json.Unmarshal(versioned.Checkpoint, into)
	}
	if err != nil {
		return versioned, fmt.Errorf("%s is not a checkpoint: %w", s.checkpoint(stack), err)
	}
	return versioned, nil
}

func (s *Store) write(stack Stack, state apitype.TypedDeployment) error {
	if state.Deployment != nil {
		for index, resource := range state.Deployment.Resources {
			state.Deployment.Resources[index] = lean(resource)
		}
	}
	name := fmt.Sprintf("%s/%s/%s", Organization, stack.Project, stack.Name)
	var checkpoint, raw bytes.Buffer
	if err := plain(&checkpoint).Encode(apitype.CheckpointV3{Stack: tokens.QName(name), Latest: state.Deployment}); err != nil {
		return err
	}
	versioned := apitype.VersionedCheckpoint{Version: state.Version, Features: state.Features, Checkpoint: checkpoint.Bytes()}
	if err := plain(&raw).Encode(versioned); err != nil {
		return err
	}
	s.count(raw.Len())
	return replace(s.checkpoint(stack), raw.Bytes())
}

// plain writes JSON that is not made for HTML, where `<` takes six bytes.
func plain(into io.Writer) *json.Encoder {
	encoder := json.NewEncoder(into)
	encoder.SetEscapeHTML(false)
	return encoder
}

// replay adds a journal to the state that it continues. A journal of another state has been merged already: the
// process ended between the two last steps of an update.
func replay(base apitype.TypedDeployment, baseDigest string, journal []byte) (apitype.TypedDeployment, error) {
	lines := bufio.NewScanner(bytes.NewReader(journal))
	lines.Buffer(nil, 1<<30)
	if !lines.Scan() || lines.Text() != baseDigest {
		return base, nil
	}
	if base.Deployment == nil {
		base.Deployment = &apitype.DeploymentV3{}
	}
	replayer := backend.NewJournalReplayer(base.Deployment)
	complete := bytes.HasSuffix(journal, []byte("\n"))
	var pending []byte
	for lines.Scan() {
		if pending != nil {
			if err := add(replayer, pending); err != nil {
				return base, err
			}
		}
		pending = bytes.Clone(lines.Bytes())
	}
	if pending != nil && complete { // a torn last line was never acknowledged
		if err := add(replayer, pending); err != nil {
			return base, err
		}
	}
	return replayer.GenerateDeployment()
}

func add(replayer *backend.JournalReplayer, line []byte) error {
	var entry apitype.JournalEntry
	if err := json.Unmarshal(line, &entry); err != nil {
		return fmt.Errorf("the journal is damaged: %w", err)
	}
	return replayer.Add(entry)
}

func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// replace writes a file as a whole: a reader, and a crash, sees the old content or the new.
func replace(path string, content []byte) error {
	temporary := path + ".new"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
