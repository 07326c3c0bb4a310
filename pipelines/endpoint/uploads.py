"""Pipelines that an endpoint keeps, each with its versions."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp_server_api

from ordering.errors import UserError
from pipelines.endpoint.connection import Connection, equals, only
from pipelines.package import Package


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """A version of a pipeline that the endpoint keeps, and where to look at it."""

    version: str
    link: str


def upload(connection: Connection, package: Package, version: str) -> Uploaded:
    """Keep a compiled pipeline as a version of the pipeline of its name, which is made when it is not there.

    UserError for a version that exists.
    """
    scope = {"namespace": connection.namespace} if connection.namespace else {}

    def find_pipeline() -> Any:
        wanted = only(equals("name", package.name))
        listed = connection.packages.pipeline_service_list_pipelines(**scope, filter=wanted)
        return (listed.pipelines or [None])[0]

    pipeline = connection.call("the list of pipelines", find_pipeline)
    if pipeline is None:
        # The API makes a pipeline by its first version, which it names after the pipeline (uploadPipeline in
        # backend/src/apiserver/server/pipeline_upload_server.go of 2.16.0), so an empty one is made first.
        body = kfp_server_api.V2beta1Pipeline(
            name=package.name, display_name=package.name, namespace=connection.namespace or None
        )
        pipeline = connection.create(
            f"pipeline {package.name!r}",
            lambda: connection.packages.pipeline_service_create_pipeline(body),
            find_pipeline,
        )

    def find_version() -> Any:
        wanted = only(equals("name", version))
        listed = connection.packages.pipeline_service_list_pipeline_versions(pipeline.pipeline_id, filter=wanted)
        return (listed.pipeline_versions or [None])[0]

    if connection.call("the list of versions", find_version) is not None:
        raise UserError(f"Pipeline {package.name!r} has a version {version!r}; name another one with --version.")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(package.yaml())
        made = connection.create(
            f"version {version!r}",
            lambda: connection.uploads.upload_pipeline_version(
                str(file), name=version, display_name=version, pipelineid=pipeline.pipeline_id
            ),
            find_version,
        )
    return Uploaded(
        version=version,
        link=connection.link(f"pipelines/details/{pipeline.pipeline_id}/version/{made.pipeline_version_id}"),
    )
