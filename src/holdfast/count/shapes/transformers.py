"""Transformers: BERT (Devlin et al. 2019), GPT-2 (Radford et al. 2019), Llama (Touvron et al. 2023), mixtures of
experts (Jiang et al. 2024, Mixtral) and ViT (Dosovitskiy et al. 2021). Arrays have the names of published checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from holdfast.count.records import Layer
from holdfast.count.shapes.parts import (
    Part,
    attention,
    convolution,
    dense,
    embedding,
    kept,
    layer_norm,
    product,
    together,
)

Head = Literal["none", "pooler", "words", "pretraining", "classes", "tokens", "spans"]
"""What follows an encoder: nothing, a pooled state, scores of words (and of the next sentence), of classes, of each
token's class, of where an answer starts and ends."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """The shape of a BERT: ``depth`` blocks of ``width``, each with ``heads`` heads and ``inner`` units between."""

    vocabulary: int
    positions: int
    types: int
    width: int
    depth: int
    heads: int
    inner: int
    classes: int = 2


@dataclass(frozen=True, slots=True)
class Decoder:
    """The shape of a Llama.

    Args:
        vocabulary: entries of the embedding.
        width: of a token's state.
        depth: blocks.
        heads: of the queries.
        key_heads: of the keys and values; fewer than ``heads`` where groups of queries share them.
        head_width: numbers of a head.
        inner: units of a gated feed-forward network.
        tied: the head shares the embedding.
        query_bias: queries, keys and values have an offset each.
        output_bias: the output of attention has one.
        inner_bias: the feed-forward network has them.
        head_norm: queries and keys are normalised head by head.
        experts: feed-forward networks to choose from, 0 where there is one and no choice.
        active_experts: of those, how many a token passes.
    """

    vocabulary: int
    width: int
    depth: int
    heads: int
    key_heads: int
    head_width: int
    inner: int
    tied: bool = False
    query_bias: bool = False
    output_bias: bool = False
    inner_bias: bool = False
    head_norm: bool = False
    experts: int = 0
    active_experts: int = 0


@dataclass(frozen=True, slots=True)
class Vision:
    """The shape of a ViT: square images of ``side`` pixels in patches of ``patch``."""

    side: int
    patch: int
    channels: int
    width: int
    depth: int
    heads: int
    inner: int
    classes: int
    bias: bool = True


def encoder(shape: Encoder, tokens: int, head: Head, base: str = "bert") -> Part:
    """A BERT on sequences of ``tokens``; ``base`` is what its arrays are under where there is a head."""
    start = "" if head in {"none", "pooler"} else f"{base}."
    parts = [
        embedding(f"{start}embeddings.word_embeddings.weight", shape.vocabulary, shape.width),
        embedding(f"{start}embeddings.position_embeddings.weight", shape.positions, shape.width),
        embedding(f"{start}embeddings.token_type_embeddings.weight", shape.types, shape.width),
        layer_norm(f"{start}embeddings.LayerNorm", shape.width, tokens),
    ]
    for i in range(shape.depth):
        parts += _encoder_block(f"{start}encoder.layer.{i}", shape, tokens)
    if head in {"pooler", "pretraining", "classes"}:
        parts.append(dense(f"{start}pooler.dense", shape.width, shape.width))
    return together([*parts, *_encoder_head(shape, tokens, head, base)])


def _encoder_block(name: str, shape: Encoder, tokens: int) -> list[Part]:
    width, own = shape.width, f"{name}.attention.self"
    return [
        dense(f"{own}.query", width, width, tokens),
        dense(f"{own}.key", width, width, tokens, keeps=False),
        dense(f"{own}.value", width, width, tokens, keeps=False),
        attention(tokens, shape.heads, width),
        dense(f"{name}.attention.output.dense", width, width, tokens),
        layer_norm(f"{name}.attention.output.LayerNorm", width, tokens),
        dense(f"{name}.intermediate.dense", width, shape.inner, tokens),
        kept(tokens * shape.inner),
        dense(f"{name}.output.dense", shape.inner, width, tokens),
        layer_norm(f"{name}.output.LayerNorm", width, tokens),
    ]


def _encoder_head(shape: Encoder, tokens: int, head: Head, base: str) -> list[Part]:
    """What follows the blocks; the scores of words share the embedding and add an offset."""
    width = shape.width
    if head in {"words", "pretraining"}:
        names = ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias")
        if base == "bert":
            names = tuple(f"cls.predictions.{n}" for n in ("transform.dense", "transform.LayerNorm", "bias"))  # type: ignore[assignment]
        parts = [
            dense(names[0], width, width, tokens),
            kept(tokens * width),
            layer_norm(names[1], width, tokens),
            product(tokens, width, shape.vocabulary),
            Part((Layer.of(names[2], "bias", shape.vocabulary),)),
        ]
        return [*parts, dense("cls.seq_relationship", width, 2)] if head == "pretraining" else parts
    if head == "classes":
        return [dense("classifier", width, shape.classes)]
    if head == "tokens":
        return [dense("classifier", width, shape.classes, tokens)]
    return [dense("qa_outputs", width, 2, tokens)] if head == "spans" else []


def gpt2(
    vocabulary: int, positions: int, width: int, depth: int, heads: int, inner: int, tokens: int, *, scores: bool = True
) -> Part:
    """A GPT-2 on sequences of ``tokens``; ``scores``: with the scores of words, which share the embedding."""
    parts = [embedding("wte.weight", vocabulary, width), embedding("wpe.weight", positions, width)]
    for i in range(depth):
        parts += [
            layer_norm(f"h.{i}.ln_1", width, tokens),
            dense(f"h.{i}.attn.c_attn", width, 3 * width, tokens, turned=True),
            attention(tokens, heads, width),
            dense(f"h.{i}.attn.c_proj", width, width, tokens, turned=True),
            layer_norm(f"h.{i}.ln_2", width, tokens),
            dense(f"h.{i}.mlp.c_fc", width, inner, tokens, turned=True),
            kept(tokens * inner),
            dense(f"h.{i}.mlp.c_proj", inner, width, tokens, turned=True),
        ]
    parts.append(layer_norm("ln_f", width, tokens))
    return together([*parts, product(tokens, width, vocabulary)] if scores else parts)


def decoder(shape: Decoder, tokens: int, *, scores: bool = True) -> Part:
    """A Llama, with experts or without, on sequences of ``tokens``; ``scores``: with the scores of words."""
    parts = [embedding("model.embed_tokens.weight", shape.vocabulary, shape.width)]
    for i in range(shape.depth):
        name = f"model.layers.{i}"
        parts.append(layer_norm(f"{name}.input_layernorm", shape.width, tokens, bias=False))
        parts += _shared_attention(f"{name}.self_attn", shape, tokens)
        parts.append(layer_norm(f"{name}.post_attention_layernorm", shape.width, tokens, bias=False))
        parts += _experts(f"{name}.mlp", shape, tokens) if shape.experts else _gated(f"{name}.mlp", shape, tokens)
    parts.append(layer_norm("model.norm", shape.width, tokens, bias=False))
    if scores and shape.tied:
        parts.append(product(tokens, shape.width, shape.vocabulary))
    elif scores:
        parts.append(dense("lm_head", shape.width, shape.vocabulary, tokens, bias=False))
    return together(parts)


def _shared_attention(name: str, shape: Decoder, tokens: int) -> list[Part]:
    """Attention whose keys and values may serve several heads of queries."""
    queries, keys = shape.heads * shape.head_width, shape.key_heads * shape.head_width
    parts = [
        dense(f"{name}.q_proj", shape.width, queries, tokens, bias=shape.query_bias),
        dense(f"{name}.k_proj", shape.width, keys, tokens, bias=shape.query_bias, keeps=False),
        dense(f"{name}.v_proj", shape.width, keys, tokens, bias=shape.query_bias, keeps=False),
    ]
    if shape.head_norm:
        parts.append(layer_norm(f"{name}.q_norm", shape.head_width, tokens * shape.heads, bias=False))
        parts.append(layer_norm(f"{name}.k_norm", shape.head_width, tokens * shape.key_heads, bias=False))
    parts.append(attention(tokens, shape.heads, queries, keys))
    parts.append(dense(f"{name}.o_proj", queries, shape.width, tokens, bias=shape.output_bias))
    return parts


def _gated(name: str, shape: Decoder, tokens: int) -> list[Part]:
    """Shazeer 2020 (GLU variants): a gate times an input; the gate, its activation and the input are kept."""
    return [
        dense(f"{name}.gate_proj", shape.width, shape.inner, tokens, bias=shape.inner_bias),
        dense(f"{name}.up_proj", shape.width, shape.inner, tokens, bias=shape.inner_bias, keeps=False),
        kept(3 * tokens * shape.inner),
        dense(f"{name}.down_proj", shape.inner, shape.width, tokens, bias=shape.inner_bias),
    ]


def _experts(name: str, shape: Decoder, tokens: int) -> list[Part]:
    """A router, and gated networks of which every token passes some; all experts lie in two arrays."""
    passes = tokens * shape.active_experts
    learned = (
        Layer.of(f"{name}.experts.gate_up_proj", "weight", shape.experts, 2 * shape.inner, shape.width),
        Layer.of(f"{name}.experts.down_proj", "weight", shape.experts, shape.width, shape.inner),
    )
    work = Part(learned, 6 * passes * shape.width * shape.inner, passes * (shape.width + 4 * shape.inner))
    return [dense(f"{name}.gate", shape.width, shape.experts, tokens, bias=False), work]


def vision(shape: Vision) -> Part:
    """A ViT on one image; a token for each patch, and one more that the class is read from."""
    grid, width = shape.side // shape.patch, shape.width
    tokens = grid**2 + 1
    cells = convolution(
        "vit.embeddings.patch_embeddings.projection",
        (shape.channels, width),
        shape.patch,
        (shape.side, grid),
        bias=True,
    )
    learned = (
        Layer.of("vit.embeddings.cls_token", "embedding", 1, 1, width),
        Layer.of("vit.embeddings.position_embeddings", "embedding", 1, tokens, width),
    )
    parts = [Part(learned), cells]
    for i in range(shape.depth):
        name = f"vit.encoder.layer.{i}"
        own = f"{name}.attention.attention"
        parts += [
            layer_norm(f"{name}.layernorm_before", width, tokens),
            dense(f"{own}.query", width, width, tokens, bias=shape.bias),
            dense(f"{own}.key", width, width, tokens, bias=shape.bias, keeps=False),
            dense(f"{own}.value", width, width, tokens, bias=shape.bias, keeps=False),
            attention(tokens, shape.heads, width),
            dense(f"{name}.attention.output.dense", width, width, tokens),
            layer_norm(f"{name}.layernorm_after", width, tokens),
            dense(f"{name}.intermediate.dense", width, shape.inner, tokens),
            kept(tokens * shape.inner),
            dense(f"{name}.output.dense", shape.inner, width, tokens),
        ]
    parts.append(layer_norm("vit.layernorm", width, tokens))
    return together([*parts, dense("classifier", width, shape.classes)] if shape.classes else parts)
