"""Proofs for layers of one's own: that every backend computes what the definition means."""

from unidl.testing.check_layer import Proof as Proof
from unidl.testing.check_layer import check_layer as check_layer
from unidl.testing.trial import Trial as Trial
