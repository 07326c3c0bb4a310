package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ErrBusy says that another process is updating the stack.
var ErrBusy = errors.New("another update of this stack is running")

// Plain says that plain `pulumi` holds a stack, or did until it was killed, in a sentence for people.
type Plain struct{ file, stack string }

func (p *Plain) Error() string {
	return fmt.Sprintf("Plain `pulumi` is at work on stack '%s', or was killed (%s): wait for it to end, or type `pulumi "+
		"cancel --stack %s` if it is gone, and the same command again.", p.stack, p.file, p.stack)
}

func (p *Plain) Unwrap() error { return ErrBusy }

// ours is the name of this program's file among the locks of plain `pulumi`, which are named by chance.
const ours = "make.json"

// claimed is a stack that this process alone may change. `file` is locked by the kernel, which ends that with the
// process, however it ends. Plain `pulumi` looks for files in a folder instead, so there is one for as long.
type claimed struct {
	file   *os.File
	beside string
}

// claim takes a stack: ErrBusy if another process has it, by either way. The file of a run that was killed is written
// over: what counts among these is the kernel's lock. The order is that of pulumi 3.259 (pkg/backend/diy/lock.go): of
// two that begin at once, each of which looks before and after it writes, one at least sees the other.
func (s *Store) claim(stack Stack) (*claimed, error) {
	file, err := os.OpenFile(s.beside(stack, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(ErrBusy, file.Close())
	}
	held := &claimed{file, filepath.Join(s.locks(stack), ours)}
	err = s.free(stack)
	if err == nil {
		err = s.tell(stack, held.beside)
	}
	if err == nil {
		err = s.free(stack)
	}
	if err != nil {
		return nil, errors.Join(err, held.release())
	}
	return held, nil
}

// release gives the stack up: last what another run of ours waits for, which then finds no file of this one.
func (c *claimed) release() error { return errors.Join(remove(c.beside), c.file.Close()) }

func (s *Store) locks(stack Stack) string {
	return filepath.Join(s.root, ".pulumi", "locks", Organization, stack.Project, stack.Name)
}

// free is a Plain while plain `pulumi` has a stack.
func (s *Store) free(stack Stack) error {
	files, err := matching(s.locks(stack), "*.json")
	for _, file := range files {
		if filepath.Base(file) != ours {
			return &Plain{file, stack.Name}
		}
	}
	return err
}

// tell makes the file that plain `pulumi` looks for, with what it tells a person of it. It reads each file of that
// folder as a whole one, so this one is written elsewhere.
func (s *Store) tell(stack Stack, path string) error {
	host, _ := os.Hostname()
	name := strconv.Itoa(os.Getuid()) // as of a container, where nobody has a name
	if who, err := user.Current(); err == nil {
		name = who.Username
	}
	content, err := json.Marshal(map[string]any{
		"pid": os.Getpid(), "username": name, "hostname": host, "timestamp": time.Now(),
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return replaceBy(s.beside(stack, ".lock.new"), path, content)
}
