"""Search spaces: hyperparameters, what holds between them, and their encoding in the unit cube."""

from holdfast.space.domains import Categorical, Domain, Float, Int, domain_from_json
from holdfast.space.priors import Normal
from holdfast.space.rules import Derived
from holdfast.space.space import Space, declared_from_json

__all__ = [
    "Categorical",
    "Derived",
    "Domain",
    "Float",
    "Int",
    "Normal",
    "Space",
    "declared_from_json",
    "domain_from_json",
]
