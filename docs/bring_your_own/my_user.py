"""Your own user model: most users look at the first three places only."""

from dataclasses import dataclass

import numpy as np

from ltrr.users import TableUser, UserTables


@dataclass(frozen=True)
class Glance(TableUser):
    """Examines the first places always and the others rarely; clicks and is satisfied by grade."""

    places: int = 3
    beyond: float = 0.1

    def tables(self, k, max_grade):
        examine = np.where(np.arange(k) < self.places, 1.0, self.beyond)
        grade = np.arange(max_grade + 1) / max_grade
        return UserTables.positions(examine, attract=0.05 + 0.9 * grade, satisfy=grade)
