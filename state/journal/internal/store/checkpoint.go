package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// checkpointV3 is apitype.CheckpointV3 with its state read as far as wanted.
type checkpointV3[State any] struct {
	Latest State `json:"latest,omitempty"`
}

// parse reads the content of a state file; an error says why it is none.
func parse[State any](raw []byte) (apitype.VersionedCheckpoint, State, error) {
	var versioned apitype.VersionedCheckpoint
	var checkpoint checkpointV3[State]
	if len(bytes.TrimSpace(raw)) == 0 {
		return versioned, checkpoint.Latest, errors.New("it is empty")
	}
	err := json.Unmarshal(raw, &versioned)
	if err == nil && versioned.Checkpoint == nil {
		err = errors.New("it has no checkpoint")
	}
	if err == nil {
		err = json.Unmarshal(versioned.Checkpoint, &checkpoint)
	}
	return versioned, checkpoint.Latest, err
}

// decode reads the content of a state file with all its resources.
func decode(raw []byte) (apitype.TypedDeployment, error) {
	versioned, latest, err := parse[*apitype.DeploymentV3](raw)
	return apitype.TypedDeployment{Version: versioned.Version, Features: versioned.Features, Deployment: latest}, err
}

// encode is the content of a state file as the engine's file backend writes it.
func encode(stack Stack, state apitype.TypedDeployment) ([]byte, error) {
	if state.Deployment != nil {
		for index, resource := range state.Deployment.Resources {
			state.Deployment.Resources[index] = lean(resource)
		}
	}
	name := fmt.Sprintf("%s/%s/%s", Organization, stack.Project, stack.Name)
	var checkpoint, raw bytes.Buffer
	latest := apitype.CheckpointV3{Stack: tokens.QName(name), Latest: state.Deployment}
	if err := plain(&checkpoint).Encode(latest); err != nil {
		return nil, err
	}
	err := plain(&raw).Encode(apitype.VersionedCheckpoint{
		Version: state.Version, Features: state.Features, Checkpoint: checkpoint.Bytes(),
	})
	return raw.Bytes(), err
}

// plain writes JSON that is not made for HTML, where `<` takes six bytes.
func plain(into io.Writer) *json.Encoder {
	encoder := json.NewEncoder(into)
	encoder.SetEscapeHTML(false)
	return encoder
}

// lean is a resource without what says nothing: the lines of the program that made it, 20 frames of this machine's
// paths that the engine asks for nowhere, and the time of its last change where that is its first.
func lean(resource apitype.ResourceV3) apitype.ResourceV3 {
	resource.SourcePosition, resource.StackTrace = "", nil
	if resource.Created != nil && resource.Modified != nil && resource.Modified.Equal(*resource.Created) {
		resource.Modified = nil
	}
	return resource
}

// digest identifies a state by its content: white space between its values does not count.
func digest(raw []byte) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		compact.Reset()
		compact.Write(raw)
	}
	sum := sha256.Sum256(compact.Bytes())
	return hex.EncodeToString(sum[:])
}
