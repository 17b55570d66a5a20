"""The unfrozen variant of an attribute encoder, for the comparison: backbone and item table learn with it.

The backbone is a copy of its own, which begins as the one that others share; an untrained full encoder is that backbone.
"""

from typing import Any

from torch import Tensor

from toolrec_cli.models.attribute_encoder import AttributeEncoder, EncoderConfig
from toolrec_cli.models.features import ItemFeatures


class FullEncoder(AttributeEncoder):
    """Attribute sequence + the states of a backbone of its own -> fused states in the space of that backbone's items."""

    def __init__(self, config: EncoderConfig, features: ItemFeatures, backbone: Any) -> None:
        super().__init__(config, features)
        self.backbone = backbone

    @property
    def own_backbone(self) -> Any:
        """The backbone that learns with it."""
        return self.backbone

    def item_vectors(self, table: Tensor) -> Tensor:
        """e_v ⊕ P attr(v) by its own item table; that of the backbone which others share plays no part."""
        return super().item_vectors(self.backbone.item_vectors)


def encoder_of(config: EncoderConfig, features: ItemFeatures, own: Any | None = None) -> AttributeEncoder:
    """A fresh encoder: on a frozen backbone, or with one of its `own`."""
    return AttributeEncoder(config, features) if own is None else FullEncoder(config, features, own)
