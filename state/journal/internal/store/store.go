// Package store keeps a stack's state in files: at rest the checkpoint that the engine's own file
// backend writes and reads, during an update a journal beside it that each step appends to. The file
// backend writes the whole state at every step instead, which costs minutes over a thousand objects.
package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Organization is the one that the file backend puts every stack in.
const Organization = "organization"

// ErrNoStack says that a stack has no state here.
var ErrNoStack = errors.New("there is no such stack")

// Damage says that a stack's files are not as an update left them, in a sentence for people.
type Damage struct{ file, what, stack string }

func (d *Damage) Error() string {
	return fmt.Sprintf("%s %s. Nothing was changed: type `make recover STACK=%s`, which brings back the last good state "+
		"with the steps that can be read, and keeps these files aside.", d.file, d.what, d.stack)
}

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

func (s *Store) beside(stack Stack, extension string) string {
	return strings.TrimSuffix(s.checkpoint(stack), ".json") + extension
}

func (s *Store) journal(stack Stack) string { return s.beside(stack, ".journal") }

// backup is a copy of the last state that this program wrote, or began an update from.
func (s *Store) backup(stack Stack) string { return s.beside(stack, ".backup") }

// Stacks lists all stacks.
func (s *Store) Stacks() ([]Stack, error) {
	files, err := matching(filepath.Join(s.root, ".pulumi", "stacks"), "*/*.json")
	stacks := make([]Stack, 0, len(files))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		stacks = append(stacks, Stack{Project: filepath.Base(filepath.Dir(file)), Name: name})
	}
	return stacks, err
}

// Create makes a stack with the given state, or an empty one; fs.ErrExist if it is there.
func (s *Store) Create(stack Stack, state *apitype.DeploymentV3) error {
	if err := s.Find(stack); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, ErrNoStack) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.checkpoint(stack)), 0o700); err != nil {
		return err
	}
	return s.write(stack, apitype.TypedDeployment{Version: apitype.DeploymentSchemaVersionCurrent, Deployment: state})
}

// Delete forgets a stack. ErrBusy if it is being updated: of two first runs, the one that made the stack may be the one
// that is refused, and it takes away what nothing came of.
func (s *Store) Delete(stack Stack) error {
	lock, err := s.claim(stack)
	if err != nil {
		return err
	}
	return errors.Join(remove(s.journal(stack)), remove(s.backup(stack)), remove(s.checkpoint(stack)), lock.release())
}

// Find says whether a stack is here: ErrNoStack if not, a Damage if there was one.
func (s *Store) Find(stack Stack) error {
	if exists(s.checkpoint(stack)) {
		return nil
	}
	if exists(s.journal(stack)) {
		return &Damage{s.checkpoint(stack), "is gone, and the journal of an interrupted run is there", stack.Name}
	}
	if copied, err := readIfThere(s.backup(stack)); err != nil || copied == nil {
		return errors.Join(err, ErrNoStack)
	} else if state, err := decode(copied); err != nil || state.Deployment == nil || len(state.Deployment.Resources) == 0 {
		return ErrNoStack
	}
	return &Damage{s.checkpoint(stack), "is gone, and the copy of it names resources", stack.Name}
}

// Check says whether a stack can be worked on: a Damage if not. A stack that is not here can.
func (s *Store) Check(stack Stack) error {
	raw, _, err := s.read(stack)
	if errors.Is(err, ErrNoStack) {
		return nil
	}
	if err == nil {
		_, err = s.copied(stack, raw)
	}
	return err
}

// copied says whether the content of a stack's state file is in its copy already; a Damage if it is no state. Only what
// was read with all its resources is copied, so what is the same need not be read again: of 700 that takes longer than
// all else before a run.
func (s *Store) copied(stack Stack, raw []byte) (bool, error) {
	there, err := readIfThere(s.backup(stack))
	if err != nil || bytes.Equal(there, raw) && len(raw) > 0 {
		return err == nil, err
	}
	if _, err := decode(raw); err != nil {
		return false, s.unreadable(stack, err)
	}
	return false, nil
}

// Load returns a stack's state, with what the journal of a killed update holds.
func (s *Store) Load(stack Stack) (apitype.TypedDeployment, error) {
	raw, journal, err := s.read(stack)
	if err != nil {
		return apitype.TypedDeployment{}, err
	}
	state, err := decode(raw)
	if err != nil {
		return state, s.unreadable(stack, err)
	}
	if journal == nil {
		return state, nil
	}
	return journal.replay(state)
}

// Export returns what Load does, as JSON. At rest that is what the file holds: to take its resources apart and put
// them together again would cost a fifth of a second for each of the three times that the engine asks.
func (s *Store) Export(stack Stack) (apitype.UntypedDeployment, error) {
	raw, journal, err := s.read(stack)
	if err != nil {
		return apitype.UntypedDeployment{}, err
	}
	if journal == nil {
		versioned, latest, err := s.parse(stack, raw)
		return apitype.UntypedDeployment{
			Version: versioned.Version, Features: versioned.Features, Deployment: latest,
		}, err
	}
	state, err := s.Load(stack)
	if err != nil {
		return apitype.UntypedDeployment{}, err
	}
	content, err := json.Marshal(state.Deployment)
	return apitype.UntypedDeployment{Version: state.Version, Features: state.Features, Deployment: content}, err
}

// Copy puts every stack into a folder that is empty, with what the journal of a killed or running update holds: the
// program of the wanted one may read outputs of any other. It returns why others that cannot be read are left out.
func (s *Store) Copy(root string, wanted Stack) (left []error, err error) {
	stacks, err := s.Stacks()
	if err != nil {
		return nil, err
	}
	copied, err := Open(root)
	if err != nil {
		return nil, err
	}
	for _, stack := range stacks {
		if err := s.copyTo(copied, stack); err != nil && stack == wanted {
			return nil, err
		} else if err != nil {
			left = append(left, err)
		}
	}
	return left, nil
}

func (s *Store) copyTo(copied *Store, stack Stack) error {
	if err := os.MkdirAll(filepath.Dir(copied.checkpoint(stack)), 0o700); err != nil {
		return err
	}
	raw, journal, err := s.read(stack)
	if err != nil {
		return err
	}
	if journal != nil {
		state, err := s.Load(stack)
		if err != nil {
			return err
		}
		if raw, err = encode(stack, state); err != nil {
			return err
		}
	} else if _, _, err := s.parse(stack, raw); err != nil {
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
	// A journal of the state that was would not belong to the one that comes.
	if err = errors.Join(update.journal.Close(), update.forget()); err == nil {
		err = s.write(stack, state)
	}
	return errors.Join(err, update.release())
}

// Begin starts an update. What a killed update left behind becomes part of the state first. ErrBusy if
// another process is updating the stack.
func (s *Store) Begin(stack Stack) (*Update, error) {
	if err := s.Find(stack); err != nil {
		return nil, err
	}
	lock, err := s.claim(stack)
	if err != nil {
		return nil, err
	}
	update := &Update{store: s, stack: stack, claimed: lock, appended: map[int64]bool{}}
	if err := update.open(); err != nil {
		return nil, errors.Join(err, lock.release())
	}
	return update, nil
}

// read returns the content of a stack's state file, and the journal that continues it, nil when none does. A Damage if
// these two are not what an update left, however it ended.
func (s *Store) read(stack Stack) (raw []byte, continued *journal, err error) {
	// Twice: an update that ends between the two files being read leaves two that do not belong together.
	for range 2 {
		var content []byte
		if content, err = readIfThere(s.journal(stack)); err != nil {
			return nil, nil, err
		}
		if raw, err = readIfThere(s.checkpoint(stack)); err != nil {
			return nil, nil, err
		}
		if raw == nil {
			return nil, nil, cmp.Or(s.Find(stack), ErrNoStack)
		}
		if content == nil {
			return raw, nil, nil
		}
		if continued, err = s.continuing(stack, raw, parseJournal(content)); err == nil {
			return raw, continued, nil
		}
	}
	return nil, nil, err
}

// continuing returns a journal if it continues a state, and nil if that state has it in it already.
func (s *Store) continuing(stack Stack, raw []byte, read *journal) (*journal, error) {
	if _, _, err := s.parse(stack, raw); err != nil {
		return nil, err
	}
	now := digest(raw)
	switch {
	case read.Merged != "" && read.Merged == now, read.lines == 1 && len(read.steps) == 0 && len(read.damaged) == 0:
		return nil, nil
	case len(read.damaged) > 0:
		what := fmt.Sprintf("cannot be read in line %d of %d, and the state beside it ends before the interrupted run",
			read.damaged[0], max(read.lines, 1))
		return nil, &Damage{s.journal(stack), what, stack.Name}
	case read.Continues != now:
		what := "was changed while the journal of an interrupted run had still to be added to it"
		return nil, &Damage{s.checkpoint(stack), what, stack.Name}
	}
	return read, nil
}

// parse reads the content of a stack's state file, but none of its resources.
func (s *Store) parse(stack Stack, raw []byte) (apitype.VersionedCheckpoint, json.RawMessage, error) {
	versioned, latest, err := parse[json.RawMessage](raw)
	if err != nil {
		return versioned, latest, s.unreadable(stack, err)
	}
	return versioned, latest, nil
}

func (s *Store) unreadable(stack Stack, reason error) error {
	return &Damage{s.checkpoint(stack), fmt.Sprintf("cannot be read (%v)", reason), stack.Name}
}

func (s *Store) write(stack Stack, state apitype.TypedDeployment) error {
	raw, err := encode(stack, state)
	if err != nil {
		return err
	}
	return s.put(stack, raw)
}

// put writes a state and then its copy: until the first is there, the second is what the journal continues.
func (s *Store) put(stack Stack, raw []byte) error {
	for _, path := range []string{s.checkpoint(stack), s.backup(stack)} {
		s.count(len(raw))
		if err := replace(path, raw); err != nil {
			return err
		}
	}
	return nil
}
