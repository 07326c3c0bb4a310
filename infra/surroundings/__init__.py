"""What is in an existing cluster that bears on a release, looked at before anything is made there."""

from infra.surroundings.existing import kinds_of_others
from infra.surroundings.judge import judge
from infra.surroundings.look import Surroundings, look
from infra.surroundings.remark import Remark

__all__ = ["Remark", "Surroundings", "judge", "kinds_of_others", "look"]
