package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Update is a running update of one stack, and the claim on it.
type Update struct {
	store *Store
	stack Stack
	*claimed

	mutex   sync.Mutex
	journal *os.File
	size    int64
	// appended are the numbers that the engine gave the steps of the journal. It sends what was not answered, or with an
	// error, up to five times (pulumi 3.259, sdk/go/common/util/httputil/http.go).
	appended map[int64]bool
	ended    bool
}

// open merges what an earlier update left behind, and begins a journal of its own.
func (u *Update) open() error {
	raw, left, err := u.store.read(u.stack)
	if err == nil && left != nil {
		if err = u.merge(); err == nil {
			raw, err = os.ReadFile(u.store.checkpoint(u.stack))
		}
	}
	if err == nil {
		err = u.store.back(u.stack, raw)
	}
	if err == nil {
		err = replace(u.store.journal(u.stack), mark{Continues: digest(raw)}.line())
	}
	if err != nil {
		return err
	}
	u.journal, err = os.OpenFile(u.store.journal(u.stack), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	about, err := u.journal.Stat()
	if err != nil {
		return err
	}
	u.size = about.Size()
	return nil
}

// back makes the copy of a state that something else wrote; a state without a copy is only as safe as its file.
func (s *Store) back(stack Stack, raw []byte) error {
	if copied, err := s.copied(stack, raw); err != nil || copied {
		return err
	}
	s.count(len(raw))
	return replace(s.backup(stack), raw)
}

// Append adds steps, each of them once; when it returns, they survive the end of every process and of the machine.
func (u *Update) Append(entries []apitype.JournalEntry) error {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	var lines bytes.Buffer
	encoder := plain(&lines)
	for _, entry := range entries {
		if entry.SequenceID != 0 && u.appended[entry.SequenceID] {
			continue
		}
		if entry.State != nil {
			*entry.State = lean(*entry.State)
		}
		if err := encoder.Encode(entry); err != nil {
			return err
		}
	}
	if lines.Len() == 0 {
		return nil
	}
	_, err := u.journal.Write(lines.Bytes())
	if err == nil {
		err = u.journal.Sync()
	}
	if err != nil {
		// The next line may fit, and would be glued to a part of this one; and this one comes again.
		return errors.Join(full(err), u.journal.Truncate(u.size))
	}
	for _, entry := range entries {
		u.appended[entry.SequenceID] = true
	}
	u.size += int64(lines.Len())
	u.store.count(lines.Len())
	return nil
}

// Complete merges the journal into the state and gives the stack up, once: one that failed holds it, and may be called
// again.
func (u *Update) Complete() error {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.ended {
		return nil
	}
	end := u.merge
	if len(u.appended) == 0 {
		end = u.forget
	}
	if err := end(); err != nil {
		return err
	}
	u.ended = true
	return errors.Join(u.journal.Close(), u.release())
}

// merge makes state and journal a checkpoint. The journal says so before, and goes only after that.
func (u *Update) merge() error {
	state, err := u.store.Load(u.stack)
	if err != nil {
		return err
	}
	raw, err := encode(u.stack, state)
	if err != nil {
		return err
	}
	if err := u.store.announce(u.stack, raw); err != nil {
		return full(err)
	}
	if err := u.store.put(u.stack, raw); err != nil {
		return full(err)
	}
	return u.forget()
}

// announce notes in a journal the state that it is about to become part of, in the place of a last line that was torn.
func (s *Store) announce(stack Stack, raw []byte) error {
	content, err := os.ReadFile(s.journal(stack))
	if err != nil {
		return err
	}
	file, err := os.OpenFile(s.journal(stack), os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	size := int64(bytes.LastIndexByte(content, '\n') + 1)
	err = file.Truncate(size)
	if err == nil {
		_, err = file.WriteAt(mark{Merged: digest(raw)}.line(), size)
	}
	return errors.Join(err, file.Sync(), file.Close())
}

func (u *Update) forget() error { return remove(u.store.journal(u.stack)) }

// full says in a sentence for people that something could not be written.
func full(err error) error {
	return fmt.Errorf("the state cannot be written (%w): free some space, and run the same command again, which first "+
		"looks at what was under way", err)
}
