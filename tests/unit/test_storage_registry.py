import json
from typing import Literal

from infra.aws.registry import Registry, RegistryArgs
from infra.aws.storage import Storage, StorageArgs
from tests.unit.mocks import Recording, record

TAGS = {"team": "ml"}


def storage(on_destroy: Literal["keep", "empty"] = "keep") -> Recording:
    def program() -> dict[str, object]:
        made = Storage("s", StorageArgs(on_destroy=on_destroy, kept=None, tags=TAGS))
        return {"bucket": made.bucket, "arn": made.bucket_arn}

    return record(program)


def registry(on_destroy: Literal["keep", "empty"] = "keep", repository: str | None = None) -> Recording:
    def program() -> dict[str, object]:
        made = Registry("r", RegistryArgs(repository=repository, kept=None, on_destroy=on_destroy, tags=TAGS))
        return {"url": made.repository_url, "arn": made.repository_arn}

    return record(program)


def test_the_bucket_is_private_versioned_and_encrypted() -> None:
    found = storage()
    block = found.one("BucketPublicAccessBlock").inputs
    assert {
        block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    } == {True}
    assert found.one("BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    assert found.one("BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    (rule,) = found.one("BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    assert found.result == {"bucket": "bucket-1234567", "arn": "arn:aws:mock:us-west-2:123456789012:s-artifacts"}


def test_the_bucket_answers_over_tls_only() -> None:
    found = storage()
    (statement,) = json.loads(found.one("BucketPolicy").inputs["policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert statement["Resource"][0] == found.result["arn"]
    assert "s-private" in found.one("BucketPolicy").depends_on


def test_old_versions_and_broken_uploads_go_after_a_while() -> None:
    found = storage().one("BucketLifecycleConfiguration")
    noncurrent, multipart = found.inputs["rules"]
    assert noncurrent["noncurrentVersionExpiration"] == {"noncurrentDays": 90}
    assert multipart["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    assert {noncurrent["status"], multipart["status"]} == {"Enabled"}
    assert "s-versions" in found.depends_on


def test_a_repository_has_immutable_scanned_tags_and_forgets_untagged_images() -> None:
    found = registry()
    repository = found.one("Repository").inputs
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository["encryptionConfigurations"] == [{"encryptionType": "AES256"}]
    (rule,) = json.loads(found.one("LifecyclePolicy").inputs["policy"])["rules"]
    assert (rule["selection"]["tagStatus"], rule["selection"]["countNumber"]) == ("untagged", 14)
    assert rule["action"] == {"type": "expire"}
    assert found.result["url"] == "123456789012.dkr.ecr.us-west-2.amazonaws.com/images"


def test_a_repository_s_name_is_given_or_generated() -> None:
    assert registry(repository="team/images").one("Repository").inputs["name"] == "team/images"
    assert "name" not in registry().one("Repository").inputs


def check_fate(kept: Recording, emptied: Recording, kind: str, force: str) -> None:
    assert (kept.one(kind).inputs[force], emptied.one(kind).inputs[force]) == (False, True)
    for found, retained in ((kept, True), (emptied, False)):
        component, *children = found.resources
        for resource in children:
            assert (resource.parent, resource.retain_on_delete) == (component.name, retained)
        assert found.one(kind).inputs["tags"] == TAGS


def test_a_bucket_that_is_kept_keeps_its_protection_and_another_is_emptied() -> None:
    check_fate(storage("keep"), storage("empty"), "Bucket", "forceDestroy")


def test_images_are_kept_or_deleted_with_their_repository() -> None:
    check_fate(registry("keep"), registry("empty"), "Repository", "forceDelete")
