package store

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// kept is how many updates the history tells of.
const kept = 100

// Record adds a finished update to a stack's history, where the engine's file backend looks for it.
func (s *Store) Record(stack Stack, update apitype.UpdateInfo) error {
	past, err := s.History(stack)
	if err != nil {
		return err
	}
	update.Version = 1
	if len(past) > 0 {
		update.Version = past[0].Version + 1
	}
	content, err := json.Marshal(update)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.history(stack), 0o700); err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%d.history.json", stack.Name, time.Now().UnixNano())
	if err := replace(filepath.Join(s.history(stack), name), content); err != nil {
		return err
	}
	files, err := s.recorded(stack)
	for _, file := range files[:max(len(files)-kept, 0)] {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return err
}

// History returns a stack's updates, the newest first.
func (s *Store) History(stack Stack) ([]apitype.UpdateInfo, error) {
	files, err := s.recorded(stack)
	updates := make([]apitype.UpdateInfo, 0, len(files))
	for _, file := range slices.Backward(files) {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var update apitype.UpdateInfo
		if err := json.Unmarshal(content, &update); err != nil {
			return nil, fmt.Errorf("%s is not an update: %w", file, err)
		}
		updates = append(updates, update)
	}
	return updates, err
}

// recorded lists the files of a stack's history, the oldest first: their names hold the time.
func (s *Store) recorded(stack Stack) ([]string, error) {
	files, err := matching(s.history(stack), "*.history.json")
	slices.SortFunc(files, strings.Compare)
	return files, err
}

func (s *Store) history(stack Stack) string {
	return filepath.Join(s.root, ".pulumi", "history", stack.Project, stack.Name)
}
