package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// matching lists the files below a folder whose path there matches a pattern; the folder's own path may hold `[`.
func matching(folder, pattern string) ([]string, error) {
	found, err := fs.Glob(os.DirFS(folder), pattern)
	for index, one := range found {
		found[index] = filepath.Join(folder, filepath.FromSlash(one))
	}
	return found, err
}

// replace writes a file as a whole: a reader, and a crash of the machine, sees the old content or the new.
func replace(path string, content []byte) error { return replaceBy(path+".new", path, content) }

// replaceBy is replace with a name for what is not whole yet.
func replaceBy(temporary, path string, content []byte) error {
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncFolder(path)
}

// remove deletes a file; it is no error that there is none.
func remove(path string) error {
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return syncFolder(path)
}

// syncFolder makes the name of a file survive a crash of the machine: its content's sync does not include that.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// readIfThere is a file's content, or nil when there is no such file.
func readIfThere(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if content == nil && err == nil {
		content = []byte{}
	}
	return content, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
