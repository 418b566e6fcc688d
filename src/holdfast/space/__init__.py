"""Search spaces: hyperparameters, conditions, and their encoding in the unit cube."""

from holdfast.space.domains import Categorical, Domain, Float, Int, domain_from_json
from holdfast.space.space import Space

__all__ = ["Categorical", "Domain", "Float", "Int", "Space", "domain_from_json"]
