"""How long whoever asks AWS something waits for an answer, before the engine runs: a person is looking on."""

from botocore.config import Config

PATIENCE = Config(connect_timeout=5, read_timeout=15, retries={"max_attempts": 2})
"""For clients of boto3; seconds, and attempts after the first."""
