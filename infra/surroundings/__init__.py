"""What is in an existing cluster that bears on a release, looked at before anything is made there."""

from infra.surroundings.judge import Remark, judge
from infra.surroundings.look import Surroundings, look

__all__ = ["Remark", "Surroundings", "judge", "look"]
