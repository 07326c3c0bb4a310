package cluster

import (
	"bufio"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"

	"kubeflow/localcloud/kubernetes/internal/properties"
)

// Part is how much of an object a watch reads.
type Part int

// What a watch can read of an object.
const (
	Whole    Part = iota
	Status        // all but the spec, which of a CRD is most of it
	Identity      // the metadata alone
)

// Follow calls seen with every state of the object after the resourceVersion given, and with nil when it is gone, until seen says that
// it has seen enough or fails, or the context ends. A watch that breaks is taken up again where it broke, unless the API server is silent for
// too long.
func (c *Client) Follow(ctx context.Context, target Target, resourceVersion string, part Part, seen func(map[string]any) (bool, error)) error {
	follower := follower{client: c, target: target, version: resourceVersion, part: part, seen: seen, heard: time.Now()}
	for {
		done, err := follower.stream(ctx)
		if done {
			return nil
		}
		var own *seenError
		if errors.As(err, &own) {
			return own.err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || apierrors.IsNotFound(err) {
			done, err = follower.look(ctx)
			if done || err != nil && !transient(err) {
				return err
			}
		}
		if err != nil && !apierrors.IsTooManyRequests(err) && !transient(err) {
			return err
		}
		if silent := time.Since(follower.heard); err != nil && silent > c.silence {
			return fmt.Errorf("the API server at %s has not answered for %v: %w", c.Host, silent.Round(time.Second), err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// seenError is an error of the caller's, as opposed to one of the watch.
type seenError struct{ err error }

func (e *seenError) Error() string { return e.err.Error() }
func (e *seenError) Unwrap() error { return e.err }

func transient(err error) bool {
	var status apierrors.APIStatus
	return !errors.As(err, &status) || status.Status().Code >= http.StatusInternalServerError
}

type follower struct {
	client  *Client
	target  Target
	version string
	part    Part
	seen    func(map[string]any) (bool, error)
	heard   time.Time // when the API server answered last
}

// look reads the object afresh, for a watch that cannot go on from where it was. It asks for a list, since that tells from which version on
// one can watch: the object's own may be older than all that a server remembers which was started anew.
func (f *follower) look(ctx context.Context) (bool, error) {
	accept := whole
	if f.part == Identity {
		accept = identities
	}
	list, err := answer(f.client.ask.Get().AbsPath(f.target.collection()).Param("fieldSelector", "metadata.name="+f.target.Name).
		SetHeader("Accept", accept).Do(ctx))
	if apierrors.IsNotFound(err) {
		return f.seen(nil) // not even its kind is served
	}
	if err != nil {
		return false, err
	}
	f.version = properties.Text(list, "metadata", "resourceVersion")
	items, _ := list["items"].([]any)
	if len(items) == 0 {
		return f.seen(nil)
	}
	object, _ := items[0].(map[string]any)
	return f.seen(object)
}

func (f *follower) stream(ctx context.Context) (bool, error) {
	accept := whole
	if f.part == Identity {
		accept = identity
	}
	stream, err := f.client.watch.Get().AbsPath(f.target.collection()).
		Param("watch", "true").Param("allowWatchBookmarks", "true").
		Param("fieldSelector", "metadata.name="+f.target.Name).Param("resourceVersion", f.version).
		SetHeader("Accept", accept).Stream(ctx)
	if err != nil {
		return false, err
	}
	defer func() { f.heard = time.Now() }()
	defer stream.Close() //nolint:errcheck // the stream is given up
	decoder := stdjson.NewDecoder(bufio.NewReaderSize(stream, 32<<10))
	for {
		var event struct {
			Type   string             `json:"type"`
			Object stdjson.RawMessage `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return false, err
		}
		if event.Type == "ERROR" {
			var status metav1.Status
			if err := json.Unmarshal(event.Object, &status); err != nil {
				return false, err
			}
			return false, &apierrors.StatusError{ErrStatus: status}
		}
		object, err := f.decode(event.Object)
		if err != nil {
			return false, err
		}
		f.version = properties.Text(object, "metadata", "resourceVersion")
		if event.Type == "BOOKMARK" {
			continue
		}
		if event.Type == "DELETED" {
			object = nil
		}
		done, err := f.seen(object)
		if err != nil {
			return false, &seenError{err}
		}
		if done {
			return true, nil
		}
	}
}

func (f *follower) decode(body []byte) (map[string]any, error) {
	object := map[string]any{}
	if f.part != Status {
		err := json.Unmarshal(body, &object)
		return object, err
	}
	var parts struct {
		APIVersion, Kind string
		Metadata, Status stdjson.RawMessage
	}
	if err := stdjson.Unmarshal(body, &parts); err != nil {
		return nil, err
	}
	object["apiVersion"], object["kind"] = parts.APIVersion, parts.Kind
	for name, part := range map[string]stdjson.RawMessage{"metadata": parts.Metadata, "status": parts.Status} {
		fields := map[string]any{}
		if len(part) == 0 {
			continue
		}
		if err := json.Unmarshal(part, &fields); err != nil {
			return nil, err
		}
		object[name] = fields
	}
	return object, nil
}
