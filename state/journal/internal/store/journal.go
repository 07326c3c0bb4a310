package store

import (
	"bytes"
	"encoding/json"

	"github.com/pulumi/pulumi/pkg/v3/backend"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// mark is a line of a journal that is no step. The first line says which state the journal continues; the last says
// which state it has become part of, and is written before that state is: whoever finds both knows that nothing of the
// journal is missing there.
type mark struct {
	Continues string `json:"continues,omitempty"`
	Merged    string `json:"merged,omitempty"`
}

func (m mark) line() []byte {
	content, _ := json.Marshal(m) // two texts always can be encoded
	return append(content, '\n')
}

// journal is one as it was read.
type journal struct {
	mark
	steps []apitype.JournalEntry
	// lines counts all; damaged are the numbers of those that cannot be read, from 1.
	lines   int
	damaged []int
}

func parseJournal(content []byte) *journal {
	read := &journal{}
	for line := range bytes.Lines(content) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // torn off: it was never acknowledged
		}
		read.lines++
		if !read.add(line) {
			read.damaged = append(read.damaged, read.lines)
		}
	}
	if read.lines == 0 { // it is made with its first line
		read.damaged = []int{1}
	}
	return read
}

func (j *journal) add(line []byte) bool {
	if j.lines == 1 {
		return json.Unmarshal(line, &j.mark) == nil && j.Continues != ""
	}
	if bytes.HasPrefix(line, []byte(`{"merged":`)) {
		return json.Unmarshal(line, &j.mark) == nil
	}
	var step apitype.JournalEntry
	if err := json.Unmarshal(line, &step); err != nil || step.Version == 0 {
		return false
	}
	j.steps = append(j.steps, step)
	return true
}

// replay adds the steps to the state that the journal continues. Where lines cannot be read, a step that refers to one
// of them is left out: the engine's replay would take another for it.
func (j *journal) replay(base apitype.TypedDeployment) (apitype.TypedDeployment, error) {
	if base.Deployment == nil {
		base.Deployment = &apitype.DeploymentV3{}
	}
	replayer := backend.NewJournalReplayer(base.Deployment)
	made := map[int64]bool{}
	for _, step := range j.steps {
		known := true
		for _, other := range []*int64{step.RemoveNew, step.DeleteNew, step.PendingReplacementNew} {
			known = known && (other == nil || made[*other])
		}
		if !known && len(j.damaged) > 0 {
			continue
		}
		if step.Kind == apitype.JournalEntryKindSuccess && step.State != nil {
			made[step.OperationID] = true
		}
		if err := replayer.Add(step); err != nil {
			return base, err
		}
	}
	return replayer.GenerateDeployment()
}
