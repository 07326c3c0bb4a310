package store

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Update is a running update of one stack, and the claim on it.
type Update struct {
	store *Store
	stack Stack
	lock  *os.File

	mutex    sync.Mutex
	journal  *os.File
	appended bool
}

// open merges what an earlier update left behind, and begins a journal of its own.
func (u *Update) open() error {
	if u.store.unmerged(u.stack) {
		if err := u.merge(); err != nil {
			return err
		}
	}
	raw, err := u.store.raw(u.stack)
	if err != nil {
		return err
	}
	if err := replace(u.store.journal(u.stack), []byte(digest(raw)+"\n")); err != nil {
		return err
	}
	u.journal, err = os.OpenFile(u.store.journal(u.stack), os.O_APPEND|os.O_WRONLY, 0o600)
	return err
}

// Append adds steps; when it returns, they survive the end of every process and of the machine.
func (u *Update) Append(entries []apitype.JournalEntry) error {
	var lines bytes.Buffer
	encoder := plain(&lines)
	for _, entry := range entries {
		if entry.State != nil {
			*entry.State = lean(*entry.State)
		}
		if err := encoder.Encode(entry); err != nil {
			return err
		}
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if _, err := u.journal.Write(lines.Bytes()); err != nil {
		return err
	}
	u.appended = true
	u.store.count(lines.Len())
	return u.journal.Sync()
}

// lean is a resource without what says nothing: the lines of the program that made it, 20 frames of this machine's paths that the
// engine asks for nowhere, and the time of its last change where that is its first.
func lean(resource apitype.ResourceV3) apitype.ResourceV3 {
	resource.SourcePosition, resource.StackTrace = "", nil
	if resource.Created != nil && resource.Modified != nil && resource.Modified.Equal(*resource.Created) {
		resource.Modified = nil
	}
	return resource
}

// Complete merges the journal into the state and gives the stack up.
func (u *Update) Complete() error {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	end := u.merge
	if !u.appended {
		end = u.forget
	}
	return errors.Join(end(), u.journal.Close(), u.release())
}

// merge makes state and journal a checkpoint; only then the journal goes, and replay knows one that outlived this.
func (u *Update) merge() error {
	state, err := u.store.Load(u.stack)
	if err != nil {
		return err
	}
	if err := u.store.write(u.stack, state); err != nil {
		return err
	}
	return u.forget()
}

func (u *Update) forget() error { return os.Remove(u.store.journal(u.stack)) }

func (u *Update) release() error { return u.lock.Close() }

// claim locks a file for this process alone.
func claim(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(ErrBusy, file.Close())
	}
	return file, nil
}
