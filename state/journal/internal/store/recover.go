package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Recovery is what Recover did.
type Recovery struct {
	// Kept are the files that were there before, under the names that they have now; none if nothing was damaged.
	Kept []string `json:"kept"`
	// From is the file that the last good state was in.
	From string `json:"from"`
	// Resources are in the recovered state.
	Resources int `json:"resources"`
	// Steps of the journal were added to that state; Lost lines cannot be read.
	Steps int `json:"steps"`
	Lost  int `json:"lost"`
	// Pending operations were under way, or are what the set-aside state says otherwise: the next run looks at each.
	Pending int `json:"pending"`
	// Twice are resources that exist a second time, in the set-aside state alone.
	Twice []string `json:"twice"`
}

// ErrNothingGood says that no file holds a state that can be read.
var ErrNothingGood = errors.New("neither the state, nor its copy, nor one of Pulumi's backups can be read")

// candidate is a file that may hold the last good state.
type candidate struct {
	path, digest string
	state        apitype.TypedDeployment
}

// Recover writes the last good state, with the steps of the journal that can be read, in the place of files that are
// damaged or do not belong together. Those it keeps beside them; none is deleted. A stack that is in order stays as it
// is.
func (s *Store) Recover(stack Stack) (Recovery, error) {
	if err := os.MkdirAll(filepath.Dir(s.checkpoint(stack)), 0o700); err != nil {
		return Recovery{}, err
	}
	lock, err := s.claim(stack)
	if err != nil {
		return Recovery{}, err
	}
	done, err := s.recovered(stack)
	return done, errors.Join(err, lock.release())
}

func (s *Store) recovered(stack Stack) (Recovery, error) {
	// Not what Check says: an earlier version copied what it had not read.
	_, err := s.Load(stack)
	var damage *Damage
	if errors.Is(err, ErrNoStack) {
		return Recovery{}, nil
	} else if !errors.As(err, &damage) {
		return Recovery{}, err
	}
	good, err := s.candidates(stack)
	if err != nil {
		return Recovery{}, err
	}
	content, err := readIfThere(s.journal(stack))
	if err != nil {
		return Recovery{}, err
	}
	left := parseJournal(content)
	base, continued := s.base(stack, good, left)
	if base == nil {
		return Recovery{}, fmt.Errorf("%w: bring %s back from a backup of your own", ErrNothingGood, s.checkpoint(stack))
	}
	done := Recovery{From: base.path}
	if content != nil {
		done.Lost = len(left.damaged)
	}
	state, err := decodeFile(base.path)
	if err != nil {
		return Recovery{}, err
	}
	if continued {
		done.Steps = len(left.steps)
		if state, err = left.replay(state); err != nil {
			return Recovery{}, err
		}
	}
	if state.Deployment == nil {
		state.Deployment = &apitype.DeploymentV3{}
	}
	if touched := good[0]; touched.path == s.checkpoint(stack) && touched.digest != base.digest {
		done.Twice = reconcile(state.Deployment, base.state.Deployment, touched.state.Deployment)
	}
	done.Resources, done.Pending = len(state.Deployment.Resources), len(state.Deployment.PendingOperations)
	done.Kept, err = s.setAside(stack)
	if err != nil {
		return done, err
	}
	raw, err := encode(stack, state)
	if err != nil {
		return done, err
	}
	// The journal goes once the state has what it holds, and the copy that it continues goes last.
	if err := replace(s.checkpoint(stack), raw); err != nil {
		return done, err
	}
	if err := remove(s.journal(stack)); err != nil {
		return done, err
	}
	return done, replace(s.backup(stack), raw)
}

// candidates are the states that can be read, the likeliest first: the stack's own, its copy, and what plain `pulumi`
// kept of it. It writes the one before the last as .bak, and one an update into a folder.
func (s *Store) candidates(stack Stack) ([]candidate, error) {
	older, err := matching(filepath.Join(s.root, ".pulumi", "backups", stack.Project, stack.Name), "*.json")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(older, func(a, b string) int { return cmp.Compare(b, a) }) // their names hold the time
	paths := append([]string{s.checkpoint(stack), s.backup(stack), s.checkpoint(stack) + ".bak"}, older...)
	found := []candidate{}
	for _, path := range paths {
		raw, err := readIfThere(path)
		if err != nil {
			return nil, err
		}
		if state, err := decode(raw); err == nil {
			found = append(found, candidate{path, digest(raw), state})
		}
	}
	return found, nil
}

// base is the state to begin from, and whether the journal continues it; nil if there is none.
func (s *Store) base(stack Stack, good []candidate, left *journal) (*candidate, bool) {
	for _, wanted := range []string{left.Merged, left.Continues} {
		for index, one := range good {
			if wanted != "" && one.digest == wanted {
				return &good[index], wanted == left.Continues
			}
		}
	}
	// The first line is the damaged one, or there is no journal. The copy was made as the journal was begun.
	for index, one := range good {
		if one.path == s.backup(stack) {
			return &good[index], left.lines > 1
		}
	}
	for index := range good {
		return &good[index], false
	}
	return nil, false
}

func decodeFile(path string) (apitype.TypedDeployment, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return apitype.TypedDeployment{}, err
	}
	return decode(raw)
}

// reconcile notes in a recovered state, as pending operations, what another state that grew from the same base says
// otherwise: the next run looks at each. It returns the names of what exists twice, which nobody can decide on.
func reconcile(recovered, base, touched *apitype.DeploymentV3) []string {
	known, before, after := byURN(recovered), byURN(base), byURN(touched)
	var twice []string
	note := func(kind apitype.OperationType, about apitype.ResourceV3) {
		operation := apitype.OperationV2{Type: kind, Resource: about}
		recovered.PendingOperations = append(recovered.PendingOperations, operation)
	}
	for urn, one := range after {
		if old, found := before[urn]; found && old.ID == one.ID {
			continue
		}
		if now, found := known[urn]; !found {
			note(apitype.OperationTypeCreating, one)
		} else if now.ID != one.ID {
			twice = append(twice, fmt.Sprintf("%s (%s and %s)", urn.Name(), now.ID, one.ID))
		}
	}
	for urn, old := range before {
		now, found := known[urn]
		if !found || now.ID != old.ID {
			continue
		}
		if one, found := after[urn]; !found || one.ID != old.ID || !reflect.DeepEqual(one.Inputs, old.Inputs) {
			note(apitype.OperationTypeUpdating, now)
		}
	}
	slices.Sort(twice)
	slices.SortFunc(recovered.PendingOperations, func(a, b apitype.OperationV2) int {
		return cmp.Compare(a.Resource.URN, b.Resource.URN)
	})
	return twice
}

// byURN are the resources that a provider made, without those that wait to be deleted.
func byURN(state *apitype.DeploymentV3) map[resource.URN]apitype.ResourceV3 {
	found := map[resource.URN]apitype.ResourceV3{}
	if state == nil {
		return found
	}
	for _, one := range state.Resources {
		if one.Custom && !one.Delete && one.ID != "" {
			found[one.URN] = one
		}
	}
	return found
}

// setAside gives the state and the journal, where they are there, names that say when they were put away.
func (s *Store) setAside(stack Stack) ([]string, error) {
	kept := []string{}
	moment := time.Now().UTC().Format("20060102T150405.000Z")
	for _, path := range []string{s.checkpoint(stack), s.journal(stack)} {
		content, err := readIfThere(path)
		if err != nil {
			return kept, err
		}
		if content == nil {
			continue
		}
		aside := path + ".set-aside-" + moment
		if err := replace(aside, content); err != nil {
			return kept, err
		}
		if now, err := os.ReadFile(aside); err != nil || !bytes.Equal(now, content) {
			return kept, errors.Join(err, fmt.Errorf("%s could not be kept as %s", path, aside))
		}
		kept = append(kept, aside)
	}
	return kept, nil
}
