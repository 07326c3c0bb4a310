"""What several steps share. The source of these functions travels with a step, so each imports what it needs inside.

Their errors are `ValueError` with one sentence: what is wrong, where, and what to do.
"""

from typing import Any


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://bucket/key` URI; ValueError when either is missing."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket or not key or key.endswith("/"):
        raise ValueError(f"{uri!r} names no object; write it as s3://BUCKET/KEY.")
    return bucket, key


def s3_client() -> Any:
    """An S3 client whose calls end: 5 s to connect, 60 s to answer, at most 4 attempts.

    Credentials and endpoint come from the environment, which on EKS is the service account's role.
    """
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4})
    # A session of its own: boto3's shared one keeps the credentials of whoever asked first.
    return boto3.Session().client("s3", config=config)


def explain_s3(error: Exception, uri: str, action: str) -> ValueError:
    """The sentence for a failed S3 call; `action` is the permission that the call needs."""
    response = getattr(error, "response", {})
    code = response.get("Error", {}).get("Code", type(error).__name__)
    if code in ("AccessDenied", "403", "Forbidden", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
        return ValueError(f"S3 refuses {action} on {uri} ({code}); grant it to the role that this step runs as.")
    if code in ("NoSuchKey", "404"):
        return ValueError(f"There is no object {uri}; upload it, or name another one.")
    if code == "NoSuchBucket":
        return ValueError(f"There is no bucket for {uri}; name one of the stack's own.")
    if code in ("NoCredentialsError", "PartialCredentialsError"):
        return ValueError(f"No AWS credentials were found for {uri}; sign in, or run with a role that has {action}.")
    return ValueError(f"S3 could not do {action} on {uri}: {' '.join(str(error).split())}")


def read_bytes(source: str) -> bytes:
    """What a local path or an `s3://` URI holds; ValueError says why it cannot be read."""
    from pathlib import Path

    from botocore.exceptions import BotoCoreError, ClientError

    if "://" in source and not source.startswith("s3://"):
        raise ValueError(f"{source!r} is neither a path nor an s3:// URI.")
    if not source.startswith("s3://"):
        try:
            return Path(source).read_bytes()
        except OSError as error:
            raise ValueError(f"{source!r} cannot be read: {error.strerror}.") from None
    bucket, key = split_s3_uri(source)
    try:
        body: bytes = s3_client().get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise explain_s3(error, source, "s3:GetObject") from None
    return body


def is_there(source: str) -> bool:
    """Whether there is a file or object; it asks S3 by listing.

    The runner's role may list under its prefixes only, by a condition that a read does not meet: to a read of what is
    not there S3 answers 403, not 404 (Amazon S3 API reference, GetObject, "Permissions").
    """
    from pathlib import Path

    from botocore.exceptions import BotoCoreError, ClientError

    if not source.startswith("s3://"):
        return Path(source).exists()
    bucket, key = split_s3_uri(source)
    try:
        found = s3_client().list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
    except (BotoCoreError, ClientError) as error:
        raise explain_s3(error, source, "s3:ListBucket") from None
    return any(item["Key"] == key for item in found)


def write_bytes(target: str, content: bytes) -> None:
    """Put the whole content at a local path or an `s3://` URI at once, so that nobody ever sees half of it."""
    import os
    from pathlib import Path

    from botocore.exceptions import BotoCoreError, ClientError

    if "://" in target and not target.startswith("s3://"):
        raise ValueError(f"{target!r} is neither a path nor an s3:// URI.")
    if not target.startswith("s3://"):
        path = Path(target)
        whole = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole.write_bytes(content)
            os.replace(whole, path)
        except OSError as error:
            if whole.is_file():
                whole.unlink()
            raise ValueError(f"{target!r} cannot be written: {error.strerror}.") from None
        return
    bucket, key = split_s3_uri(target)
    try:
        s3_client().put_object(Bucket=bucket, Key=key, Body=content)
    except (BotoCoreError, ClientError) as error:
        raise explain_s3(error, target, "s3:PutObject") from None


def parse_csv(content: bytes, source: str) -> Any:
    """The table (a pandas DataFrame, cells as text) of a CSV; ValueError when it is empty or no CSV."""
    import io

    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(content), dtype=str, skipinitialspace=True)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{source!r} is empty; a CSV with a header line is needed.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{source!r} is not text in UTF-8; a CSV is needed.") from None
    except pd.errors.ParserError as error:
        raise ValueError(f"{source!r} is not a CSV: {' '.join(str(error).split())}") from None
    if table.empty:
        raise ValueError(f"{source!r} has a header line and no rows.")
    return table
