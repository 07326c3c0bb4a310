package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// killed is a stack with resource "a" in its state, and a journal that makes "b", "c" and begins "d".
func killed(t *testing.T) *Store {
	t.Helper()
	store := fresh(t)
	update := begun(t, store)
	appended(t, update, created(1, "a"))
	if err := update.Complete(); err != nil {
		t.Fatal(err)
	}
	update = begun(t, store)
	appended(t, update, created(1, "b"), created(2, "c"), beginning(3, "d"))
	if err := update.release(); err != nil {
		t.Fatal(err)
	}
	return store
}

// beginning is the note that a create begins.
func beginning(operation int64, name string) apitype.JournalEntry {
	about := apitype.OperationV2{Type: apitype.OperationTypeCreating, Resource: *thing(name, "")}
	return apitype.JournalEntry{
		Version: 1, Kind: apitype.JournalEntryKindBegin, SequenceID: operation, OperationID: operation, Operation: &about,
	}
}

func written(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// line changes one line of several.
func line(number int, change func([]byte) []byte) func([]byte) []byte {
	return func(content []byte) []byte {
		lines := bytes.SplitAfter(content, []byte("\n"))
		lines[number-1] = append(change(bytes.TrimSuffix(lines[number-1], []byte("\n"))), '\n')
		return bytes.Join(lines, nil)
	}
}

func zeros(content []byte) []byte { return make([]byte, len(content)) }
func half(content []byte) []byte  { return content[:len(content)/2] }
func nothing([]byte) []byte       { return nil }
func export(content []byte) []byte {
	return bytes.Replace(content, []byte(`"checkpoint":`), []byte(`"deployment":`), 1)
}
func badResource(content []byte) []byte {
	return bytes.Replace(content, []byte(`"urn":"`), []byte(`"urn":3,"was":"`), 1)
}
func otherState(content []byte) []byte {
	return bytes.Replace(content, []byte("id-of-a"), []byte("id-now"), 1)
}

func pending(state apitype.TypedDeployment) string {
	var found []string
	for _, one := range state.Deployment.PendingOperations {
		found = append(found, fmt.Sprintf("%s %s", one.Type, one.Resource.URN.Name()))
	}
	slices.Sort(found)
	return strings.Join(found, ", ")
}

func TestWhiteSpaceInTheStateDoesNotMatter(t *testing.T) {
	store := killed(t)
	written(t, store.checkpoint(stack), func(content []byte) []byte {
		var indented bytes.Buffer
		if err := json.Indent(&indented, content, "", "    "); err != nil {
			t.Fatal(err)
		}
		return append(indented.Bytes(), ' ')
	})
	if err := begun(t, store).Complete(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, store); got != "b c a" {
		t.Errorf("got %q", got)
	}
}

func TestAJournalWithoutStepsForbidsNothing(t *testing.T) {
	store := killed(t)
	if err := begun(t, store).release(); err != nil {
		t.Fatal(err)
	}
	written(t, store.checkpoint(stack), otherState)
	if got := names(t, store); got != "b c a" {
		t.Errorf("got %q", got)
	}
}

func TestDamageIsRefusedAndRecovered(t *testing.T) {
	state, journal := (*Store).checkpoint, (*Store).journal
	for _, test := range []struct {
		name   string
		file   func(*Store, Stack) string
		change func([]byte) []byte
		says   string
		// What the recovered state has, and what is to be looked at.
		resources, pending string
	}{
		{"a state that something wrote", state, otherState, "was changed while", "b c a", "creating d, updating a"},
		{"an empty state", state, nothing, "cannot be read (it is empty)", "b c a", "creating d"},
		{"half a state", state, half, "cannot be read (unexpected end", "b c a", "creating d"},
		{"a state of zeros", state, zeros, "cannot be read (invalid character", "b c a", "creating d"},
		{"a state that is gone", state, nil, "is gone", "b c a", "creating d"},
		{"an empty journal", journal, nothing, "cannot be read in line 1 of 1", "a", ""},
		{"a journal of zeros", journal, zeros, "cannot be read in line 1 of 1", "a", ""},
		{"another first line", journal, line(1, half), "cannot be read in line 1 of 4", "b c a", "creating d"},
		{"a line that is cut", journal, line(2, half), "cannot be read in line 2 of 4", "c a", "creating d"},
		{"a line of zeros", journal, line(3, zeros), "cannot be read in line 3 of 4", "b a", "creating d"},
		{"a line that is empty", journal, line(4, nothing), "cannot be read in line 4 of 4", "b c a", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := killed(t)
			path := test.file(store, stack)
			if test.change == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				written(t, path, test.change)
			}
			before := contents(t, store)
			_, begin := store.Begin(stack)
			_, load := store.Load(stack)
			_, export := store.Export(stack)
			for _, err := range []error{begin, load, export, store.Create(stack, nil), store.Check(stack)} {
				if errors.Is(err, os.ErrExist) { // it is there, so nothing is made in its place
					continue
				}
				var damage *Damage
				if !errors.As(err, &damage) || !strings.Contains(err.Error(), path+" "+test.says) ||
					!strings.Contains(err.Error(), "`make recover STACK=local`") {
					t.Errorf("got %v", err)
				}
			}
			done, err := store.Recover(stack)
			if err != nil {
				t.Fatal(err)
			}
			recovered, err := store.Load(stack)
			if err != nil {
				t.Fatal(err)
			}
			if got := joined(recovered.Deployment.Resources); got != test.resources {
				t.Errorf("recovered %q", got)
			}
			if got := pending(recovered); got != test.pending {
				t.Errorf("pending: %q", got)
			}
			kept := contents(t, &Store{root: store.root}, done.Kept...)
			if fmt.Sprint(kept) != fmt.Sprint(before) {
				t.Error("what was put aside is not what was there")
			}
			if again, err := store.Recover(stack); err != nil || again.Kept != nil {
				t.Errorf("recovered again: %+v, %v", again, err)
			}
			if err := begun(t, store).Complete(); err != nil {
				t.Error(err)
			}
		})
	}
}

// contents are those of some files, or of a stack's state and journal, where they are there.
func contents(t *testing.T, store *Store, paths ...string) []string {
	t.Helper()
	if paths == nil {
		paths = []string{store.checkpoint(stack), store.journal(stack)}
	}
	var found []string
	for _, path := range paths {
		content, err := readIfThere(path)
		if err != nil {
			t.Fatal(err)
		}
		if content != nil {
			found = append(found, string(content))
		}
	}
	return found
}

func TestDamageAtRestIsRecoveredFromTheCopy(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"empty": nothing, "half": half, "zeros": zeros, "export": export, "bad resource": badResource,
		"another object": func([]byte) []byte { return []byte("{}") },
	} {
		t.Run(name, func(t *testing.T) {
			store := killed(t)
			if err := begun(t, store).Complete(); err != nil {
				t.Fatal(err)
			}
			written(t, store.checkpoint(stack), change)
			copied, err := os.ReadFile(store.backup(stack))
			if err != nil {
				t.Fatal(err)
			}
			_, begin := store.Begin(stack)
			for _, err := range []error{store.Check(stack), begin} {
				var damage *Damage
				if !errors.As(err, &damage) {
					t.Errorf("got %v", err)
				}
			}
			if now, err := os.ReadFile(store.backup(stack)); err != nil || !bytes.Equal(now, copied) {
				t.Errorf("the good copy was written over: %v", err)
			}
			done, err := store.Recover(stack)
			if err != nil || len(done.Kept) != 1 || done.From != store.backup(stack) {
				t.Fatalf("%+v, %v", done, err)
			}
			if got := names(t, store); got != "b c a" {
				t.Errorf("recovered %q", got)
			}
		})
	}
}

func TestACopyThatIsDamagedAsTheStateIsIsNoStateInOrder(t *testing.T) {
	store := killed(t)
	if err := begun(t, store).Complete(); err != nil {
		t.Fatal(err)
	}
	kept := store.checkpoint(stack) + ".bak" // as plain `pulumi` keeps it
	if err := os.Rename(store.backup(stack), kept); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{store.checkpoint(stack), store.backup(stack)} {
		content, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, badResource(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := store.Recover(stack); err != nil || done.From != kept {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := names(t, store); got != "b c a" {
		t.Errorf("recovered %q", got)
	}
}

func TestWhatPulumiKeptIsUsedWhereTheCopyIsGone(t *testing.T) {
	store := killed(t)
	older := filepath.Join(store.root, ".pulumi", "backups", "kubeflow", "local", "local.20261126T120000.json")
	if err := os.MkdirAll(filepath.Dir(older), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(store.backup(stack), older); err != nil {
		t.Fatal(err)
	}
	written(t, store.checkpoint(stack), nothing)
	if done, err := store.Recover(stack); err != nil || done.From != older || done.Steps != 3 {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := names(t, store); got != "b c a" {
		t.Errorf("recovered %q", got)
	}
}

func TestNothingIsWrittenWhereNothingIsGood(t *testing.T) {
	store := killed(t)
	written(t, store.checkpoint(stack), zeros)
	written(t, store.backup(stack), half)
	before := contents(t, store)
	if _, err := store.Recover(stack); !errors.Is(err, ErrNothingGood) {
		t.Errorf("got %v", err)
	}
	if fmt.Sprint(contents(t, store)) != fmt.Sprint(before) {
		t.Error("the files are not what they were")
	}
}

func TestAStackThatIsUpdatedIsNotRecovered(t *testing.T) {
	store := killed(t)
	update := begun(t, store)
	if _, err := store.Recover(stack); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	if err := update.Complete(); err != nil {
		t.Fatal(err)
	}
}

func TestAStateFileThatIsGoneIsNoNewStackIfItNamedResources(t *testing.T) {
	store := killed(t)
	if err := begun(t, store).Complete(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(store.checkpoint(stack)); err != nil {
		t.Fatal(err)
	}
	var damage *Damage
	if err := store.Create(stack, nil); !errors.As(err, &damage) {
		t.Errorf("a second stack was made: %v", err)
	}
	if err := store.Delete(stack); err != nil {
		t.Fatal(err)
	}
	if err := store.Create(stack, nil); err != nil {
		t.Errorf("after it was deleted: %v", err)
	}
}

func TestAStepThatRefersToALostOneTouchesNothingElse(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	lost := int64(2)
	replaced := created(3, "b")
	replaced.DeleteNew = &lost
	appended(t, update, created(1, "a"), created(lost, "b"), replaced)
	if err := update.release(); err != nil {
		t.Fatal(err)
	}
	written(t, store.journal(stack), line(3, half))
	if _, err := store.Recover(stack); err != nil {
		t.Fatal(err)
	}
	state, err := store.Load(stack)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range state.Deployment.Resources {
		if one.Delete {
			t.Errorf("%s is to be deleted", one.URN)
		}
	}
}

func TestWhatExistsTwiceIsNamed(t *testing.T) {
	store := killed(t)
	other := apitype.TypedDeployment{Version: 3, Deployment: &apitype.DeploymentV3{
		Resources: []apitype.ResourceV3{*thing("a", "id-of-a"), *thing("b", "another"), *thing("e", "id-of-e")},
	}}
	raw, err := encode(stack, other)
	if err != nil {
		t.Fatal(err)
	}
	if err := replace(store.checkpoint(stack), raw); err != nil {
		t.Fatal(err)
	}
	done, err := store.Recover(stack)
	if err != nil || fmt.Sprint(done.Twice) != "[b (id-of-b and another)]" {
		t.Fatalf("%+v, %v", done, err)
	}
	state, err := store.Load(stack)
	if err != nil {
		t.Fatal(err)
	}
	if got := pending(state); got != "creating d, creating e" {
		t.Errorf("pending: %q", got)
	}
}
