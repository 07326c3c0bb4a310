package store

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// limited lets no file grow beyond a size until the returned function is called, as a full disk would.
func limited(t *testing.T, size int64) func() {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := before
	limit.Cur = uint64(size)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	free := func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(free)
	return free
}

// inTheWay lets no new state be written until the returned function is called. A limit would stop the test's own log.
func inTheWay(t *testing.T, store *Store) func() {
	t.Helper()
	folder := store.checkpoint(stack) + ".new"
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStepThatFindsNoRoomIsRefusedAndSpoilsNoOther(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	appended(t, update, created(1, "before"))
	about, err := os.Stat(store.journal(stack))
	if err != nil {
		t.Fatal(err)
	}
	free := limited(t, about.Size()+50)
	err = update.Append([]apitype.JournalEntry{created(2, strings.Repeat("long", 50))})
	if err == nil || !strings.Contains(err.Error(), "free some space, and run the same command again") {
		t.Fatalf("refused with %v", err)
	}
	free()
	appended(t, update, created(3, "after"))
	if err := store.Check(stack); err != nil {
		t.Fatal(err)
	}
	if err := update.Complete(); err != nil {
		t.Fatal(err)
	}
	if found := names(t, store); found != "before after" {
		t.Fatalf("found %q", found)
	}
}

func TestAnEndThatFindsNoRoomIsMadeUpForByTheNextUpdate(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	appended(t, update, created(1, "one"))
	free := inTheWay(t, store)
	for range 2 {
		if err := update.Complete(); err == nil || !strings.Contains(err.Error(), "free some space") {
			t.Fatalf("it was written: %v", err)
		}
	}
	free()
	if found := names(t, store); found != "one" {
		t.Fatalf("found %q", found)
	}
	if err := update.release(); err != nil { // what the kernel does for a process that is gone
		t.Fatal(err)
	}
	next := begun(t, store)
	appended(t, next, created(1, "two"))
	if err := next.Complete(); err != nil {
		t.Fatal(err)
	}
	if found := names(t, store); found != "two one" {
		t.Fatalf("found %q", found)
	}
}

func TestAnEndThatFindsRoomWhenItIsAskedForAgainIsOne(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	appended(t, update, created(1, "one"))
	free := inTheWay(t, store)
	if err := update.Complete(); err == nil {
		t.Fatal("it was written")
	}
	free()
	for range 2 {
		if err := update.Complete(); err != nil {
			t.Fatal(err)
		}
	}
	if found := names(t, store); found != "one" || exists(store.journal(stack)) {
		t.Fatalf("found %q", found)
	}
	if err := begun(t, store).Complete(); err != nil {
		t.Fatal(err)
	}
}

func TestAStepThatIsSentAgainIsAddedOnce(t *testing.T) {
	store := fresh(t)
	update := begun(t, store)
	appended(t, update, created(1, "one"), created(2, "two"))
	appended(t, update, created(1, "one"), created(2, "two"))
	appended(t, update, created(2, "two"), created(3, "three"))
	if err := update.Complete(); err != nil {
		t.Fatal(err)
	}
	if found := names(t, store); found != "one two three" {
		t.Fatalf("found %q", found)
	}
}

func TestAFolderOfAnyNameHasItsStacksAndTheirHistory(t *testing.T) {
	store, err := Open(filepath.Join(t.TempDir(), "a [x] * é"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Create(stack, nil); err != nil {
		t.Fatal(err)
	}
	if found, err := store.Stacks(); err != nil || len(found) != 1 || found[0] != stack {
		t.Fatalf("found %v, %v", found, err)
	}
	if err := store.Record(stack, apitype.UpdateInfo{Message: "first"}); err != nil {
		t.Fatal(err)
	}
	if past, err := store.History(stack); err != nil || len(past) != 1 || past[0].Message != "first" {
		t.Fatalf("history %v, %v", past, err)
	}
}
