"""How the columns of a table reach the model of a plan."""

from __future__ import annotations

from holdfast.errors import RequestError, concerning
from holdfast.protocol.learn import preprocessing_of
from holdfast.protocol.plan import ModelTable
from holdfast.train.families import Preprocessing


def style_of(model: ModelTable) -> Preprocessing:
    """How the columns are prepared: as the plan says for a factory, or as the family wants them."""
    return model.preprocessing or preprocessing_of(model.family)


def check_inputs(model: ModelTable) -> None:
    """Refuse a preprocessing that is not the family's own, and the shape of an image where rows are none.

    Raises:
        RequestError: its ``keys`` lead to the key of the table.
    """
    if model.preprocessing is not None and ":" not in model.family:
        with concerning("preprocessing"):
            raise RequestError(
                f"[model] has preprocessing = \"{model.preprocessing}\", but the family '{model.family}' has its own, "
                f'"{preprocessing_of(model.family)}"; leave it out'
            )
    if model.image_shape is not None and style_of(model) != "pixels":
        with concerning("image_shape"):
            raise RequestError(
                f"[model] has image_shape = {list(model.image_shape)}, but the family '{model.family}' takes no "
                "images; 'cnn' does, and a factory with preprocessing = \"pixels\""
            )
