package store

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

var stack = Stack{Project: "kubeflow", Name: "local"}

func fresh(t *testing.T) *Store {
	t.Helper()
	store, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Create(stack, nil); err != nil {
		t.Fatal(err)
	}
	return store
}

func begun(t *testing.T, store *Store) *Update {
	t.Helper()
	update, err := store.Begin(stack)
	if err != nil {
		t.Fatal(err)
	}
	return update
}

func thing(name, id string) *apitype.ResourceV3 {
	urn := resource.URN("urn:pulumi:local::kubeflow::test:index:Thing::" + name)
	return &apitype.ResourceV3{URN: urn, Custom: true, ID: resource.ID(id)}
}

// created is a step that has made a resource.
func created(operation int64, name string) apitype.JournalEntry {
	return apitype.JournalEntry{
		Version: 1, Kind: apitype.JournalEntryKindSuccess, SequenceID: operation, OperationID: operation,
		State: thing(name, "id-of-"+name),
	}
}

func appended(t *testing.T, update *Update, entries ...apitype.JournalEntry) {
	t.Helper()
	if err := update.Append(entries); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, store *Store) string {
	t.Helper()
	state, err := store.Load(stack)
	if err != nil {
		t.Fatal(err)
	}
	return joined(state.Deployment.Resources)
}

func joined(resources []apitype.ResourceV3) string {
	var found []string
	for _, one := range resources {
		found = append(found, one.URN.Name())
	}
	return strings.Join(found, " ")
}

func TestAKilledUpdateLosesNothing(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	appended(t, update, created(1, "a"), created(2, "b"))
	if err := update.release(); err != nil { // what the kernel does for a process that is gone
		t.Fatal(err)
	}
	if got := names(t, store); got != "a b" {
		t.Errorf("a reader sees %q", got)
	}
	next := begun(t, store)
	appended(t, next, created(1, "c"))
	if err := next.Complete(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, store); got != "c a b" {
		t.Errorf("after the next update: %q", got)
	}
	if _, err := os.Stat(store.journal(stack)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the journal outlives its update: %v", err)
	}
}

func exported(t *testing.T, store *Store) string {
	t.Helper()
	state, err := store.Export(stack)
	if err != nil {
		t.Fatal(err)
	}
	var deployment apitype.DeploymentV3
	if err := json.Unmarshal(state.Deployment, &deployment); err != nil {
		t.Fatal(err)
	}
	return joined(deployment.Resources)
}

func TestAnExportIsTheStateAtRestAndDuringAnUpdate(t *testing.T) {
	store := fresh(t)
	if state, err := store.Export(stack); err != nil || state.Version != apitype.DeploymentSchemaVersionCurrent {
		t.Errorf("of a stack that has nothing yet: %+v, %v", state, err)
	}
	update := begun(t, store)
	appended(t, update, created(1, "a"), created(2, "b"))
	if got := exported(t, store); got != "a b" {
		t.Errorf("during the update: %q", got)
	}
	if err := update.Complete(); err != nil {
		t.Fatal(err)
	}
	if got := exported(t, store); got != "a b" {
		t.Errorf("after it: %q", got)
	}
}

func TestAnUpdateWithoutAStepWritesNoState(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	appended(t, update, created(1, "a"))
	if err := update.Complete(); err != nil {
		t.Fatal(err)
	}
	before := store.Written()
	if err := begun(t, store).Complete(); err != nil {
		t.Fatal(err)
	}
	if got := store.Written(); got != before {
		t.Errorf("written %+v, and %+v before", got, before)
	}
	if got := names(t, store); got != "a" {
		t.Errorf("got %q", got)
	}
	if _, err := os.Stat(store.journal(stack)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the journal outlives its update: %v", err)
	}
}

func TestAStepThatWasWrittenInPartNeverHappened(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	appended(t, update, created(1, "a"), created(2, "b"))
	content, err := os.ReadFile(store.journal(stack))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store.journal(stack), content[:len(content)-7], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := names(t, store); got != "a" {
		t.Errorf("got %q", got)
	}
}

func TestAnUpdateThatIsKilledAsItEndsIsAddedOnce(t *testing.T) {
	for _, stage := range []string{"announced", "written", "copied"} {
		t.Run(stage, func(t *testing.T) {
			store := fresh(t)
			update := begun(t, store)
			appended(t, update, created(1, "a"))
			state, err := store.Load(stack)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := encode(stack, state)
			if err != nil {
				t.Fatal(err)
			}
			err = store.announce(stack, raw)
			switch stage {
			case "written":
				err = errors.Join(err, replace(store.checkpoint(stack), raw))
			case "copied":
				err = errors.Join(err, store.put(stack, raw))
			}
			if err := errors.Join(err, update.release()); err != nil {
				t.Fatal(err)
			}
			if got := names(t, store); got != "a" {
				t.Errorf("got %q", got)
			}
			if err := begun(t, store).Complete(); err != nil {
				t.Fatal(err)
			}
			if got := names(t, store); got != "a" {
				t.Errorf("after the next update: %q", got)
			}
		})
	}
}

func TestACopyHoldsWhatAKilledUpdateDidAndLeavesTheJournal(t *testing.T) {
	store := fresh(t)
	appended(t, begun(t, store), created(1, "first"))
	root := t.TempDir()
	if left, err := store.Copy(root, stack); err != nil || left != nil {
		t.Fatal(left, err)
	}
	copied, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, copied); got != "first" {
		t.Errorf("the copy holds %q", got)
	}
	if _, err := os.Stat(copied.journal(stack)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a journal was copied: %v", err)
	}
	if _, err := os.Stat(store.journal(stack)); err != nil {
		t.Errorf("the journal is gone: %v", err)
	}
}

func TestACopyAtRestIsTheSameFile(t *testing.T) {
	store := fresh(t)
	want := []byte(`{"version":4,"features":["a-feature"],"checkpoint":{"stack":"organization/kubeflow/local",` +
		`"latest":{}}}`)
	if err := os.WriteFile(store.checkpoint(stack), want, 0o600); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if left, err := store.Copy(root, stack); err != nil || left != nil {
		t.Fatal(left, err)
	}
	if got, err := os.ReadFile((&Store{root: root}).checkpoint(stack)); err != nil || string(got) != string(want) {
		t.Errorf("the copy is %q (%v)", got, err)
	}
}

func TestAnotherStackThatIsDamagedIsLeftOutOfACopy(t *testing.T) {
	store := fresh(t)
	other := Stack{Project: "clusters", Name: "shared"}
	if err := store.Create(other, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store.checkpoint(other), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	left, err := store.Copy(root, stack)
	if err != nil || len(left) != 1 || !strings.Contains(left[0].Error(), "make recover STACK=shared") {
		t.Errorf("left out %v, %v", left, err)
	}
	if found, err := (&Store{root: root}).Stacks(); err != nil || len(found) != 1 || found[0] != stack {
		t.Errorf("copied %v, %v", found, err)
	}
	var damage *Damage
	if _, err := store.Copy(t.TempDir(), other); !errors.As(err, &damage) {
		t.Errorf("the damaged one was copied: %v", err)
	}
}

func TestOneUpdateAtATime(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	if _, err := store.Begin(stack); !errors.Is(err, ErrBusy) {
		t.Errorf("a second update began: %v", err)
	}
	if err := update.Complete(); err != nil {
		t.Fatal(err)
	}
	if err := begun(t, store).Complete(); err != nil {
		t.Error(err)
	}
}

func TestAStackThatIsUpdatedIsNotDeleted(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	if err := store.Delete(stack); !errors.Is(err, ErrBusy) {
		t.Errorf("it was deleted: %v", err)
	}
	if err := update.Complete(); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(stack); err != nil {
		t.Error(err)
	}
}

func TestTheCheckpointIsThatOfTheFileBackend(t *testing.T) {
	store := fresh(t)
	content, err := os.ReadFile(filepath.Join(store.root, ".pulumi", "stacks", "kubeflow", "local.json"))
	if err != nil {
		t.Fatal(err)
	}
	if want := `"stack":"organization/kubeflow/local"`; !strings.Contains(string(content), want) {
		t.Errorf("%s does not name the stack as the file backend does", content)
	}
	if _, err := store.Load(Stack{Project: "kubeflow", Name: "other"}); !errors.Is(err, ErrNoStack) {
		t.Errorf("another stack: %v", err)
	}
}

func TestHistoryIsTheNewestFirstAndNumbered(t *testing.T) {
	store := fresh(t)
	for _, kind := range []apitype.UpdateKind{"update", "destroy"} {
		if err := store.Record(stack, apitype.UpdateInfo{Kind: kind}); err != nil {
			t.Fatal(err)
		}
	}
	past, err := store.History(stack)
	if err != nil || len(past) != 2 || past[0].Kind != "destroy" || past[0].Version != 2 {
		t.Errorf("got %+v, %v", past, err)
	}
}
