package provider

import (
	"context"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"kubeflow/localcloud/kubernetes/internal/inputdiff"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

var diffKinds = map[bool]map[inputdiff.Kind]pulumirpc.PropertyDiff_Kind{
	false: {inputdiff.Added: pulumirpc.PropertyDiff_ADD, inputdiff.Deleted: pulumirpc.PropertyDiff_DELETE,
		inputdiff.Updated: pulumirpc.PropertyDiff_UPDATE},
	true: {inputdiff.Added: pulumirpc.PropertyDiff_ADD_REPLACE, inputdiff.Deleted: pulumirpc.PropertyDiff_DELETE_REPLACE,
		inputdiff.Updated: pulumirpc.PropertyDiff_UPDATE_REPLACE},
}

func (s *session) diff(ctx context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	response := &pulumirpc.DiffResponse{
		Changes:         pulumirpc.DiffResponse_DIFF_NONE,
		HasDetailedDiff: true,
		DetailedDiff:    map[string]*pulumirpc.PropertyDiff{},
	}
	// Most often nothing has changed, and to find that out takes none of what follows; the engine compares one after the other.
	if properties.Same(req.GetOldInputs(), req.GetNews()) {
		return response, nil
	}
	news, err := readResource(req.GetUrn(), req.GetNews())
	if err != nil {
		return nil, err
	}
	bag := req.GetOldInputs()
	if bag == nil {
		bag = req.GetOlds()
	}
	olds, err := readResource(req.GetUrn(), bag)
	if err != nil {
		return nil, err
	}
	s.canonical(ctx, olds)
	s.canonical(ctx, news)
	settings, _ := s.config()
	fixed := olds.object["immutable"] == true
	immutable := settings.rules.Immutable(news.gvk.GroupKind(), news.patch, fixed)
	for _, change := range inputdiff.Compare(olds.object, news.object, immutable) {
		path := inputdiff.PropertyPath(change.Path)
		response.Changes = pulumirpc.DiffResponse_DIFF_SOME
		response.DetailedDiff[path] = &pulumirpc.PropertyDiff{Kind: diffKinds[change.Replace][change.Kind], InputDiff: true}
		if change.Replace {
			response.Replaces = append(response.Replaces, path)
		}
	}
	// Two objects of one name cannot be at the same time, so the old one goes first; a made-up name changes with the object.
	response.DeleteBeforeReplace = len(response.Replaces) > 0 && properties.Annotation(news.object, autonamed) != "true" &&
		news.name() == olds.name() && news.namespace() == olds.namespace()
	return response, nil
}
