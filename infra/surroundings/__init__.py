"""What is in an existing cluster that bears on a release, looked at before anything is made there."""

from infra.surroundings.judge import judge
from infra.surroundings.look import Surroundings, look
from infra.surroundings.remark import Remark
from infra.surroundings.survey import survey

__all__ = ["Remark", "Surroundings", "judge", "look", "survey"]
