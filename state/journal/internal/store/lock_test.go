package store

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// lockedByPlain makes a lock as plain `pulumi` does, and returns its path.
func lockedByPlain(t *testing.T, store *Store) string {
	t.Helper()
	path := filepath.Join(store.root, ".pulumi", "locks", "organization", "kubeflow", "local", "4f7a.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"pid":1,"username":"u","hostname":"h"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatPlainPulumiHoldsIsNotChanged(t *testing.T) {
	store := killed(t)
	lock := lockedByPlain(t, store)
	before := contents(t, store)
	_, begin := store.Begin(stack)
	_, recovered := store.Recover(stack)
	imported := store.Import(stack, apitype.TypedDeployment{Version: 3})
	for _, err := range []error{begin, recovered, imported, store.Delete(stack)} {
		if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), lock) ||
			!strings.Contains(err.Error(), "`pulumi cancel --stack local`") {
			t.Errorf("got %v", err)
		}
	}
	if after := contents(t, store); strings.Join(after, "") != strings.Join(before, "") {
		t.Error("the files are not what they were")
	}
	if exists(filepath.Join(store.locks(stack), ours)) {
		t.Error("what was refused locks the stack")
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := begun(t, store).Complete(); err != nil {
		t.Error(err)
	}
}

func TestAnUpdateHasALockThatPlainPulumiReads(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	content, err := os.ReadFile(filepath.Join(store.locks(stack), ours))
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Pid                int
		Username, Hostname string
		Timestamp          time.Time
	}
	if err := json.Unmarshal(content, &said); err != nil || said.Pid != os.Getpid() || said.Username == "" ||
		time.Since(said.Timestamp) > time.Hour {
		t.Errorf("%s: %v", content, err)
	}
	if err := update.Complete(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(store.locks(stack))
	if err != nil || len(left) > 0 {
		t.Errorf("left after the update: %v, %v", left, err)
	}
}

func TestALockOfAnUpdateThatWasKilledHoldsNobodyOfOurs(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	if err := update.file.Close(); err != nil { // the kernel's part; nobody removes the other file
		t.Fatal(err)
	}
	if err := begun(t, store).Complete(); err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(store.locks(stack), ours)) {
		t.Error("the lock outlives the next update")
	}
}
