"""Convolutions, pooling and upsampling: Keras' own layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.source.layers import activation, as_they_are, called, made, reads
from unidl.codegen.calls import call
from unidl.codegen.language import Making, Row
from unidl.description.plan import LayerPlan
from unidl.layers import (
    AveragePooling2D,
    Conv2D,
    Conv2DTranspose,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    UpSampling2D,
)


def _one(pair: Any) -> Any:
    """One number where both are equal."""
    return pair[0] if pair[0] == pair[1] else tuple(pair)


def _conv(m: Making) -> str:
    layer = m.layer
    return call(
        "layers.Conv2D",
        layer.filters,
        _one(layer.kernel_size),
        strides=_one(layer.strides) if max(layer.strides) > 1 else None,
        padding=layer.padding if layer.padding != "valid" else None,
        dilation_rate=_one(layer.dilation_rate) if max(layer.dilation_rate) > 1 else None,
        groups=layer.groups if layer.groups > 1 else None,
        activation=activation(m, layer.activation),
        use_bias=None if layer.use_bias else False,
        name=m.name,
    ).text


def _transposed(m: Making) -> str:
    layer = m.layer
    return call(
        "layers.Conv2DTranspose",
        layer.filters,
        _one(layer.kernel_size),
        strides=_one(layer.strides) if max(layer.strides) > 1 else None,
        padding=layer.padding if layer.padding != "valid" else None,
        activation=activation(m, layer.activation),
        use_bias=None if layer.use_bias else False,
        name=m.name,
    ).text


def _pooling(cls: str) -> Callable[[Making], str]:
    def write(m: Making) -> str:
        layer = m.layer
        return call(
            f"layers.{cls}",
            _one(layer.pool_size),
            strides=_one(layer.strides) if layer.strides != layer.pool_size else None,
            padding=layer.padding if layer.padding != "valid" else None,
            name=m.name,
        ).text

    return write


def _kept(m: Making) -> Any:
    return m.layer.keepdims or None


def _upsampling(m: Making) -> str:
    layer = m.layer
    how = layer.interpolation if layer.interpolation != "nearest" else None
    return call("layers.UpSampling2D", _one(layer.size), interpolation=how, name=m.name).text


def _serves_upsampling(plan: LayerPlan) -> bool:
    """Keras interpolates in float32 inside."""
    layer: Any = plan.layer
    return layer.interpolation == "nearest" or plan.dtype != "float64"


IMAGES: dict[type, Row] = {
    Conv2D: Row(called, _conv, as_they_are, reads=reads),
    Conv2DTranspose: Row(called, _transposed, as_they_are, reads=reads),
    MaxPooling2D: Row(called, _pooling("MaxPooling2D")),
    AveragePooling2D: Row(called, _pooling("AveragePooling2D")),
    GlobalAveragePooling2D: Row(called, made("GlobalAveragePooling2D", keepdims=_kept)),
    GlobalMaxPooling2D: Row(called, made("GlobalMaxPooling2D", keepdims=_kept)),
    UpSampling2D: Row(called, _upsampling, serves=_serves_upsampling),
}
