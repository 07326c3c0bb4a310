// Package play plays, on the objects of the local control plane, the controllers that fake nodes
// cannot run. Each part looks at all it cares for whenever something it depends on changed, and
// brings what is missing: nothing is remembered between two looks that the cluster does not hold.
package play

import (
	"context"
	"errors"
	"log/slog"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	settle       = 25 * time.Millisecond // a burst of events is one look
	firstRetry   = 200 * time.Millisecond
	longestRetry = 10 * time.Second
)

// loop runs one part's sync whenever it is woken, and again, ever later, while it fails.
type loop struct {
	name string
	sync func(context.Context) error
	wake chan struct{}
}

func newLoop(name string, sync func(context.Context) error) *loop {
	return &loop{name: name, sync: sync, wake: make(chan struct{}, 1)}
}

// Wake asks for a look; asking again before it began changes nothing.
func (l *loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *loop) run(ctx context.Context, log *slog.Logger) {
	log = log.With("part", l.name)
	retry := firstRetry
	l.Wake()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		if !pause(ctx, settle) {
			return
		}
		err := l.sync(ctx)
		if err == nil || ctx.Err() != nil {
			retry = firstRetry
			continue
		}
		log.Log(ctx, severity(err), "will try again", "after", retry, "error", err)
		time.AfterFunc(retry, l.Wake)
		retry = min(2*retry, longestRetry)
	}
}

// severity of a failure: a conflict only says that the cache was a moment behind.
func severity(err error) slog.Level {
	if apierrors.IsConflict(err) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// each calls do for every item and joins what failed, so that one bad object stops no other.
func each[T any](items []T, do func(T) error) error {
	var failures []error
	for _, item := range items {
		if err := do(item); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// ignoreGone is the failure of a change, unless what was to be changed is gone.
func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
